"""
Decoding a stream
=================

A model that was trained on 19 subjects decodes the recording of another subject as a stream:
samples arrive in chunks of any length, and there are two predictions per second. If ``mne-lsl`` is
installed, the second part sends the recording through the Lab Streaming Layer, as an amplifier
does.
"""

from importlib.util import find_spec
from time import perf_counter, sleep

import numpy as np
from sklearn.pipeline import make_pipeline

from skmamba import (
    ChannelPicker,
    MSiMambaClassifier,
    SlidingWindows,
    StreamDecoder,
    load_eegmat,
)

# %%
# Model
# -----
# Four frontal channels, windows of two seconds, few epochs. The streamed subject is not in the
# training data. One subject is not sufficient to estimate the accuracy of a model.

trials = load_eegmat()
subject = trials.metadata["subject"]
STREAMED = 35
MAX_EPOCHS = 5
train, streamed = trials.select(subject != STREAMED), trials.select(subject == STREAMED)
pipe = make_pipeline(
    ChannelPicker("frontal4"),
    SlidingWindows(window_size=2.0),
    MSiMambaClassifier(max_epochs=MAX_EPOCHS, random_state=0),
)
pipe.fit(train, train.y)

# %%
# Chunks of any length
# --------------------
# The stream is a minute of rest and a minute of mental arithmetic. Predictions are 0.5 s apart, and
# the weight of a prediction in the smoothed probability halves every four seconds. Windows and
# smoothing cause a delay, which does not depend on the speed of the computer.

stream = np.concatenate([streamed.X[streamed.y == label][0] for label in (0, 1)], axis=1)
decoder = StreamDecoder(pipe, stride=0.5, smoothing=4.0)
print(decoder)

rng = np.random.default_rng(0)
durations, start = [], 0
while start < stream.shape[1]:
    chunk = stream[:, start : start + rng.integers(0, 100)]
    start += chunk.shape[1]
    begin = perf_counter()
    predictions = decoder.push(chunk)
    duration = perf_counter() - begin
    durations += [duration / len(predictions.stop) for _ in predictions.stop]
    for seconds, proba in zip(predictions.seconds, predictions.proba, strict=True):
        if seconds % 10 == 0:
            task = "rest" if seconds <= 60 else "arithmetic"
            print(f"{seconds:4.0f} s of {task:10}  p(arithmetic) = {proba[1]:.2f}")

print(
    f"{len(durations)} predictions, {1e3 * np.median(durations):.1f} ms each, at most "
    f"{1e3 * max(durations):.1f} ms, every {1e3 * decoder.stride:.0f} ms"
)

# %%
# Lab Streaming Layer
# -------------------
# Here, a player replaces the amplifier. It sends volts, which are converted to microvolts, the unit
# of the training data. With an amplifier, omit the player and pass the name of its stream to
# ``StreamLSL``.

CHUNK = 16  # samples sent at once


def play_and_decode(decoder, stream, seconds):
    """Send a recording in real time, and decode it as it arrives."""
    import mne
    from mne_lsl.lsl import local_clock
    from mne_lsl.player import PlayerLSL
    from mne_lsl.stream import StreamLSL

    info = mne.create_info(trials.ch_names, trials.sfreq, "eeg")
    raw = mne.io.RawArray(1e-6 * stream, info, verbose="ERROR")
    decoder.reset()
    with PlayerLSL(raw, chunk_size=CHUNK, name="skmamba", source_id="skmamba-example"):
        amplifier = StreamLSL(2, name="skmamba", source_id="skmamba-example")
        amplifier.connect(acquisition_delay=None, timeout=5)
        stop = perf_counter() + seconds
        while perf_counter() < stop:
            sleep(0.02)
            amplifier.acquire()
            n_new = amplifier.n_new_samples
            if not n_new:
                continue
            volt, times = amplifier.get_data(winsize=n_new / trials.sfreq)
            predictions = decoder.push(1e6 * volt)
            # The player sends a chunk when its first sample is due, with the time of its last one.
            latency = 1e3 * (local_clock() - times[-1] + CHUNK / trials.sfreq)
            for when, label in zip(predictions.seconds, predictions.label, strict=True):
                name = trials.label_names[label]
                print(f"{when:4.1f} s  {name:10}  {latency:3.0f} ms after the chunk was sent")
        amplifier.disconnect()


if find_spec("mne_lsl") is None:
    print("mne-lsl is not installed (pip install mne-lsl): the second part is skipped.")
else:
    try:
        play_and_decode(decoder, stream, seconds=6)
    except (ImportError, OSError, RuntimeError) as error:
        print(f"The Lab Streaming Layer is not available, the second part is skipped: {error}")
