"""
Decoding a stream
=================

A model is trained on nineteen people and then listens to a twentieth while the recording goes on:
samples come in chunks of any length, and twice a second there is an answer. The first half needs
nothing but the bundled data; the second sends the same recording through the Lab Streaming Layer,
as an amplifier would, if ``mne-lsl`` is installed.
"""

from importlib.util import find_spec
from time import perf_counter, sleep

import numpy as np
from sklearn.pipeline import make_pipeline

from skmamba import ChannelPicker, MSiMambaClassifier, SlidingWindows, load_eegmat
from skmamba.streaming import StreamDecoder

# %%
# A model of other people
# -----------------------
# Four frontal electrodes, windows of two seconds. Few passes over the data will do for a look at
# how streams work; the subject who is going to be streamed takes no part. How good a model is takes
# more than one person to say: see the other examples.

trials = load_eegmat()
subject = trials.metadata["subject"]
SOMEBODY = 35
others, somebody = trials.select(subject != SOMEBODY), trials.select(subject == SOMEBODY)
pipe = make_pipeline(
    ChannelPicker("frontal4", ch_names=trials.ch_names),
    SlidingWindows(window_size=2.0, sfreq=trials.sfreq),
    MSiMambaClassifier(max_epochs=5, random_state=0),
)
pipe.fit(others.X, others.y)

# %%
# Chunks of any length
# --------------------
# The recording of the new person: a minute of rest, then a minute of mental arithmetic. Half a
# second lies between two answers, and an answer counts half as much four seconds later. A window
# and smoothing look back, which is a delay that no computer can make up for.

stream = np.concatenate([somebody.X[somebody.y == 0][0], somebody.X[somebody.y == 1][0]], axis=1)
decoder = StreamDecoder(pipe, stride=0.5, smoothing=4.0, sfreq=trials.sfreq)
print(decoder)

rng = np.random.default_rng(0)
took, start = [], 0
while start < stream.shape[1]:
    chunk = stream[:, start : start + rng.integers(0, 100)]
    start += chunk.shape[1]
    begin = perf_counter()
    decisions = decoder.push(chunk)
    seconds_taken = perf_counter() - begin
    took += [seconds_taken / len(decisions.stop) for _ in decisions.stop]
    for seconds, proba in zip(decisions.seconds, decisions.proba, strict=True):
        if seconds % 10 == 0:
            task = "rest" if seconds <= 60 else "arithmetic"
            print(f"{seconds:4.0f} s of {task:10}  p(arithmetic) = {proba[1]:.2f}")

print(
    f"{len(took)} decisions, {1e3 * np.median(took):.1f} ms each and {1e3 * max(took):.1f} ms at "
    f"most; the stride leaves {1e3 * decoder.stride / trials.sfreq:.0f} ms."
)

# %%
# The same from a Lab Streaming Layer
# -----------------------------------
# A player stands in for the amplifier. It sends volt, and the model was trained on microvolt. Who
# has an amplifier keeps ``StreamLSL`` with its name, and what follows.

CHUNK = 16  # samples that the player sends at once


def play_and_decode(decoder, stream, seconds):
    """Send a recording to ourselves at its own pace, and answer as it comes in."""
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
            amplifier.acquire()  # by hand: nothing can come in between the next two lines
            n_new = amplifier.n_new_samples
            if not n_new:
                continue
            volt, times = amplifier.get_data(winsize=n_new / trials.sfreq)
            decisions = decoder.push(1e6 * volt)
            # The player sends a chunk when its first sample is due, and stamps when its last is.
            late = 1e3 * (local_clock() - times[-1] + CHUNK / trials.sfreq)
            for when, label in zip(decisions.seconds, decisions.label, strict=True):
                name = trials.label_names[label]
                print(f"{when:4.1f} s  {name:10}  {late:3.0f} ms after its last chunk was sent")
        amplifier.disconnect()


if find_spec("mne_lsl") is None:
    print("Without mne-lsl (pip install mne-lsl) the second half is left out.")
else:
    try:
        play_and_decode(decoder, stream, seconds=6)
    except (ImportError, OSError, RuntimeError) as error:
        print(
            f"The Lab Streaming Layer does not work here, so the second half is left out: {error}"
        )
