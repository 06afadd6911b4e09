// Class probabilities of a CSV file of samples by a graph of skmamba.persistence.to_onnx.
"use strict";

const ORT = "https://cdn.jsdelivr.net/npm/onnxruntime-web@1.30.0/dist/";
const STRIDE = 0.5; // seconds
const BATCH_SIZE = 64; // windows
const METADATA_PROPS = 14; // field of a ModelProto
const MAX_MARKERS = 30; // windows that are drawn with markers
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"];
const GRAY = "#767676";
const PLOT = { left: 60, right: 850, top: 10, bottom: 310 };

const element = (id) => document.getElementById(id);

/** Yield number and value of each field of a protobuf message. */
function* readFields(bytes) {
  let position = 0;
  const readVarint = () => {
    let [value, scale, byte] = [0, 1, 0];
    do {
      byte = bytes[position++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  while (position < bytes.length) {
    const tag = readVarint();
    if (tag % 8 !== 0 && tag % 8 !== 2) throw new Error("The model must be an ONNX file.");
    const value = readVarint();
    if (tag % 8 === 0) {
      yield [Math.floor(tag / 8), value];
    } else {
      yield [Math.floor(tag / 8), bytes.subarray(position, position + value)];
      position += value;
    }
  }
}

/** Return the metadata of a graph, which onnxruntime-web does not provide. */
function readMetadata(bytes) {
  const metadata = {};
  for (const [field, value] of readFields(bytes)) {
    if (field === METADATA_PROPS) {
      const [key, content] = Array.from(readFields(value), ([, text]) => new TextDecoder().decode(text));
      metadata[key] = JSON.parse(content);
    }
  }
  if (!metadata.classes) throw new Error("The model must be a graph of skmamba.persistence.to_onnx.");
  if (!metadata.ch_names || !metadata.sfreq) {
    throw new Error("The model must have channel names and a sampling rate: export it with trials=.");
  }
  return metadata;
}

/** Return a Float32Array for each channel; rows without EEG, which hold events, are dropped. */
function readSamples(text, names) {
  const cells = /("(?:[^"]|"")*"|[^,]*)(?:,|$)/gy; // a quoted cell may contain commas
  const splitLine = (line) =>
    Array.from(`${line},`.matchAll(cells), ([, cell]) => cell.trim().replace(/^"(.*)"$/, "$1")).slice(0, -1);
  const [header, ...rows] = text.trim().split(/\r?\n/).map(splitLine);
  const missing = names.filter((name) => !header.includes(name));
  if (missing.length) {
    throw new Error(`The samples must have the columns ${names.join(", ")}; missing: ${missing.join(", ")}.`);
  }
  const columns = names.map((name) => header.indexOf(name));
  const samples = rows.filter((row) => columns.some((column) => row[column]));
  return columns.map((column, i) =>
    Float32Array.from(samples, (row) => {
      if (!row[column] || !Number.isFinite(Math.fround(row[column]))) {
        throw new Error(`The samples must be numbers, got "${row[column] ?? ""}" in column ${names[i]}.`);
      }
      return Number(row[column]);
    }),
  );
}

/** Return windows that start at some samples, as an array of shape (starts, channels, size). */
function cutWindows(samples, starts, size) {
  const windows = new Float32Array(starts.length * samples.length * size);
  let position = 0;
  for (const start of starts) {
    for (const channel of samples) {
      windows.set(channel.subarray(start, start + size), position);
      position += size;
    }
  }
  return windows;
}

/** Return the probabilities of windows, one array for each. */
async function predict(ort, session, samples, starts, size) {
  const probabilities = [];
  for (let i = 0; i < starts.length; i += BATCH_SIZE) {
    const batch = starts.slice(i, i + BATCH_SIZE);
    const shape = [batch.length, samples.length, size];
    const windows = new ort.Tensor("float32", cutWindows(samples, batch, size), shape);
    const { data, dims } = (await session.run({ windows })).probabilities;
    for (let row = 0; row < dims[0]; row++) {
      probabilities.push(Array.from(data.subarray(row * dims[1], (row + 1) * dims[1])));
    }
  }
  return probabilities;
}

/** Return the name of a label, whose key is its text in Python: 0.0 and True are "0.0" and "True". */
function findName(names, label) {
  const isLabel = (key) =>
    key === String(label)
    || (typeof label === "number" && Number(key) === label)
    || (typeof label === "boolean" && key.toLowerCase() === String(label));
  const key = Object.keys(names).find(isLabel);
  return key === undefined ? String(label) : names[key];
}

/** Return class names, times (ends of windows, in seconds) and probabilities. */
async function decode(ort, bytes, text) {
  const { classes, label_names, ch_names, sfreq, n_times } = readMetadata(bytes);
  const samples = readSamples(text, ch_names);
  const length = samples[0].length;
  if (length < n_times) throw new Error(`The samples must be at least ${n_times} rows, got ${length}.`);
  const session = await ort.InferenceSession.create(bytes);
  const step = Math.max(1, Math.round(STRIDE * sfreq));
  const starts = Array.from({ length: Math.floor((length - n_times) / step) + 1 }, (_, i) => i * step);
  const probabilities = await predict(ort, session, samples, starts, n_times);
  await session.release();
  return {
    classes: classes.map((label) => findName(label_names ?? {}, label)),
    times: starts.map((start) => (start + n_times) / sfreq),
    probabilities,
    duration: length / sfreq,
    description: `${ch_names.join(", ")}: ${(length / sfreq).toFixed(1)} s at ${sfreq} Hz, `
      + `windows of ${Number((n_times / sfreq).toFixed(2))} s: ${starts.length}.`,
  };
}

/** Append an element with attributes to the plot. */
function addToPlot(name, attributes, text = "") {
  const node = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.textContent = text;
  element("plot").append(node);
}

/** Append an entry of the legend. */
function addToLegend(label, color, style) {
  const line = document.createElement("span");
  line.style.borderTopColor = color;
  line.style.borderTopStyle = style;
  const entry = document.createElement("li");
  entry.append(line, label);
  element("legend").append(entry);
}

/** Return ticks from 0 at round distances, about eight of them. */
function makeTicks(end) {
  const power = 10 ** Math.floor(Math.log10(end / 8));
  const step = power * [1, 2, 5, 10].find((factor) => 8 * factor * power >= end);
  return Array.from({ length: Math.floor(end / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
}

/** Draw axes with their labels. */
function drawAxes(x, y, duration) {
  const { left, right, top, bottom } = PLOT;
  for (const value of [0, 0.25, 0.5, 0.75, 1]) {
    addToPlot("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "#e5e5e5" });
    addToPlot("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value);
  }
  for (const value of makeTicks(duration)) {
    addToPlot("line", { x1: x(value), x2: x(value), y1: bottom, y2: bottom + 5, stroke: GRAY });
    addToPlot("text", { x: x(value), y: bottom + 20, "text-anchor": "middle" }, value);
  }
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2];
  addToPlot("text", { x: middleX, y: bottom + 42, "text-anchor": "middle" }, "End of the window (s)");
  const turned = `translate(16 ${middleY}) rotate(-90)`;
  addToPlot("text", { transform: turned, "text-anchor": "middle" }, "Probability");
}

/** Draw the probability of each class and the chance level. */
function draw({ classes, times, probabilities, duration }) {
  const { left, right, top, bottom } = PLOT;
  const x = (time) => left + (time / duration) * (right - left);
  const y = (probability) => bottom - probability * (bottom - top);
  drawAxes(x, y, duration);
  classes.forEach((label, i) => {
    const color = COLORS[i % COLORS.length];
    const points = times.map((time, row) => [x(time), y(probabilities[row][i])]);
    addToPlot("polyline", { points: points.join(" "), fill: "none", stroke: color, "stroke-width": 2 });
    if (points.length <= MAX_MARKERS) {
      for (const [cx, cy] of points) addToPlot("circle", { cx, cy, r: 4, fill: color });
    }
    addToLegend(label, color, "solid");
  });
  const chance = y(1 / classes.length);
  addToPlot("line", { x1: left, x2: right, y1: chance, y2: chance, stroke: GRAY, "stroke-dasharray": "6 4" });
  addToLegend("chance level", GRAY, "dashed");
  element("plot").removeAttribute("hidden");
}

/** Return onnxruntime-web, from the folder ?ort= of this site if it is given. */
async function importRuntime(folder) {
  const url = new URL(folder ?? ORT, location.href);
  if (folder && url.origin !== location.origin) throw new Error("ort must be a folder of this site.");
  const ort = await import(`${url.href.replace(/\/?$/, "/")}ort.wasm.bundle.min.mjs`);
  ort.env.wasm.wasmPaths = url.href.replace(/\/?$/, "/");
  ort.env.wasm.numThreads = 1; // more require headers of the server
  return ort;
}

/** Show the result for a model and samples, which are Files or Responses, or an error. */
async function run(model, samples) {
  const status = element("status");
  element("files").disabled = true;
  for (const id of ["legend", "plot", "result"]) element(id).replaceChildren();
  element("plot").setAttribute("hidden", "");
  status.className = "";
  status.textContent = "Computing …";
  try {
    const ort = await importRuntime(new URLSearchParams(location.search).get("ort"));
    const [bytes, text] = [new Uint8Array(await (await model).arrayBuffer()), await (await samples).text()];
    const result = await decode(ort, bytes, text);
    draw(result);
    status.textContent = result.description;
    element("result").textContent = JSON.stringify(result);
  } catch (error) {
    status.className = "error";
    status.textContent = error.message;
  }
  element("files").disabled = false;
}

/** Return the response for an address; raise an error if there is no file. */
async function download(address) {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} cannot be read: ${response.statusText}.`);
  return response;
}

function start() {
  const [model, samples] = [element("model"), element("samples")];
  const runFiles = () => model.files.length && samples.files.length && run(model.files[0], samples.files[0]);
  model.addEventListener("change", runFiles);
  samples.addEventListener("change", runFiles);
  const query = new URLSearchParams(location.search);
  if (query.has("model") && query.has("samples")) {
    element("files").hidden = true;
    run(download(query.get("model")), download(query.get("samples")));
  }
}

start();
