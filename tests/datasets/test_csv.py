"""read_raw_csv."""

import gzip
from io import StringIO

import mne
import numpy as np
import pandas as pd
import pytest

from skmamba import Trials
from skmamba.datasets import DataFormatError, read_raw_csv

CHANNELS = ["TP9", "AF7", "AF8", "TP10"]


def make_times(n_times, rng, sfreq=256):
    """Return time stamps of packets of 12 samples, that arrive up to 30 ms late."""
    packet = np.arange(n_times) // 12
    return packet * 12 / sfreq + rng.uniform(0, 0.03, packet.max() + 1)[packet]


@pytest.fixture
def muselsl(tmp_path):
    """Return a file as muselsl writes it, and its EEG in microvolts."""
    rng = np.random.default_rng(0)
    X = rng.normal(0, 20, (2560, 4)).round(3)
    table = pd.DataFrame({"timestamps": 1.7e9 + make_times(2560, rng)})
    table[CHANNELS], table["Right AUX"] = X, 0.0
    table.to_csv(tmp_path / "muse.csv", index=False)
    return tmp_path / "muse.csv", X


@pytest.fixture
def mind_monitor(tmp_path):
    """Return a file as Mind Monitor writes it: dates, offsets, and rows of markers without EEG."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(800 + rng.normal(0, 20, (2560, 4)), columns=[f"RAW_{c}" for c in CHANNELS])
    times = pd.Timestamp("2026-01-02 12:00") + pd.to_timedelta(make_times(2560, rng), "s")
    rows.insert(0, "TimeStamp", times)
    rows["Elements"] = None
    marks = pd.DataFrame(
        {"TimeStamp": rows["TimeStamp"].iloc[[512, 1536]], "Elements": ["/Marker/1", "/Marker/2"]}
    )
    table = pd.concat([rows[:512], marks[:1], rows[512:1536], marks[1:], rows[1536:]])
    table.to_csv(tmp_path / "monitor.csv", index=False, date_format="%Y-%m-%d %H:%M:%S.%f")
    return tmp_path / "monitor.csv", rows.filter(like="RAW").to_numpy()


def test_columns_are_read_in_microvolts(muselsl):
    path, X = muselsl
    raw = read_raw_csv(path, 256, ["AF7", "AF8"], time="timestamps")
    assert raw.ch_names == ["AF7", "AF8"]
    assert raw.info["sfreq"] == 256
    np.testing.assert_allclose(raw.get_data(units="uV"), X[:, 1:3].T)
    volts = read_raw_csv(path, 256, ["AF7", "AF8"], unit="V")
    np.testing.assert_allclose(volts.get_data(), X[:, 1:3].T)


def test_markers_start_trials(mind_monitor):
    path, X = mind_monitor
    names = {f"RAW_{name}": name for name in CHANNELS}
    raw = read_raw_csv(path, 256, names, time="TimeStamp", markers="Elements")
    trials = Trials.from_raws(
        [raw], 0, 2, event_id={"/Marker/1": "rest", "/Marker/2": "task"}, metadata={"subject": 1}
    )
    assert trials.ch_names == tuple(CHANNELS)
    assert trials.y.tolist() == ["rest", "task"]
    np.testing.assert_allclose(trials.X, [X[512:1024].T, X[1536:2048].T], rtol=1e-5)


def test_time_stamps_may_be_parsed_by_pandas(mind_monitor):
    path, X = mind_monitor
    names = {f"RAW_{name}": name for name in CHANNELS}
    options = {"parse_dates": ["TimeStamp"], "markers": "Elements"}
    raw = read_raw_csv(path, 256, names, time="TimeStamp", **options)
    np.testing.assert_allclose(raw.get_data(units="uV"), X.T)


def test_time_stamps_may_cross_a_change_of_the_clock():
    stamps = ["02:59:59.98+02:00", "02:59:59.99+02:00", "02:00:00.00+01:00", "02:00:00.01+01:00"]
    rows = "\n".join(f"2020-10-25T{stamp},{i}" for i, stamp in enumerate(stamps))
    raw = read_raw_csv(StringIO("t,A\n" + rows), 100, ["A"], time="t")
    assert raw.n_times == 4


def test_zero_is_no_marker_and_time_stamps_may_have_a_zone(muselsl):
    path, _ = muselsl
    table = pd.read_csv(path)
    table["Marker0"] = np.where(np.arange(2560) % 1000 == 500, 3, 0)
    table["timestamps"] = pd.to_datetime(table["timestamps"], unit="s", utc=True)
    table.to_csv(path, index=False)
    raw = read_raw_csv(path, 256, CHANNELS, time="timestamps", markers="Marker0")
    assert raw.annotations.description.tolist() == ["3"] * 3
    np.testing.assert_allclose(raw.annotations.onset, np.array([500, 1500, 2500]) / 256)


def test_files_of_the_openbci_gui_are_read_with_options_of_pandas():
    options = {"time": "Timestamp", "markers": "Marker Channel"}
    options |= {"comment": "%", "skipinitialspace": True}
    header = "%OpenBCI Raw EXG Data\n%Sample Rate = 200 Hz\nSample Index, EXG Channel 0, "
    header += "EXG Channel 1, Other, Other, Timestamp, Marker Channel, Timestamp (Formatted)\n"
    rows = (
        f"{i % 200}.0, {i}.5, -{i}.5, 0.0, 0.0, {1.7e9 + i / 200:.6f}, {float(i == 200)}, 12:00:00"
        for i in range(400)
    )
    names = {"EXG Channel 0": "Fp1", "EXG Channel 1": "Fp2"}
    raw = read_raw_csv(StringIO(header + "\n".join(rows)), 200, names, **options)
    expected = [np.arange(400) + 0.5, -np.arange(400) - 0.5]
    np.testing.assert_allclose(raw.get_data(units="uV"), expected)
    assert raw.annotations.onset.tolist() == [1.0]
    assert raw.annotations.description.tolist() == ["1"]


def test_files_without_a_header_have_columns_by_number():
    rows = "\n".join(f"{i}, {i}.5, 12:00:0{i // 200}.{5 * (i % 200):03}" for i in range(400))
    raw = read_raw_csv(StringIO(rows), 200, {1: "Fp1"}, time=2, header=None)
    np.testing.assert_allclose(raw.get_data(units="uV"), [np.arange(400) + 0.5])


def test_late_packets_are_no_gap_but_lost_samples_are(muselsl):
    path, _ = muselsl
    table = pd.read_csv(path)
    table.drop(range(1200, 1248)).to_csv(path, index=False)
    with pytest.raises(
        DataFormatError, match=r"muse\.csv.*about [234]\d lost samples .* after row 1199"
    ):
        read_raw_csv(path, 256, CHANNELS, time="timestamps")
    assert read_raw_csv(path, 256, CHANNELS).n_times == 2512
    with pytest.raises(DataFormatError, match=r"no gap, or gaps='annotate', got .* after row 1199"):
        read_raw_csv(path, 256, ["AF7"], time="timestamps", index_col="TP9")


def test_trials_that_span_an_annotated_gap_are_dropped(muselsl):
    path, X = muselsl
    table = pd.read_csv(path)
    table["Marker0"] = np.where(np.arange(2560) % 512 == 100, 1, 0)
    lost = [*range(1200, 1248), *range(1700, 1780)]
    kept = np.setdiff1d(np.arange(2560), lost)
    table.iloc[kept].to_csv(path, index=False)
    options = {"time": "timestamps", "markers": "Marker0"}
    raw = read_raw_csv(path, 256, CHANNELS, gaps="annotate", **options)
    is_gap = raw.annotations.description == "BAD boundary"
    np.testing.assert_allclose(raw.annotations.onset[is_gap] * 256, [1200, 1700 - 48])
    trials = Trials.from_raws([raw], 0, 1, event_id=["1"], metadata={"subject": 1})
    # Events at 100, 612, 1124, 1636 and 2148; the third and the fourth trial span a gap.
    expected = [X[start : start + 256].T for start in (100, 612, 2148)]
    np.testing.assert_allclose(trials.X, expected, rtol=1e-5)
    before = mne.filter.filter_data(raw.get_data()[:, :1200], 256, 1, 40)
    np.testing.assert_allclose(raw.filter(1, 40).get_data()[:, :1200], before, atol=1e-12)


def test_events_at_a_gap_are_kept_apart_and_give_no_trial():
    table = pd.DataFrame({"t": np.arange(1000) / 100, "a": np.arange(1000.0), "m": ""})
    table.loc[[499, 500], "m"] = "blink"
    table.loc[500:, "t"] += 2
    lost = pd.DataFrame({"t": [5.5], "a": [np.nan], "m": ["tone"]})  # within the gap
    file = StringIO(pd.concat([table[:500], lost, table[500:]]).to_csv(index=False))
    raw = read_raw_csv(file, 100, ["a"], time="t", markers="m", gaps="annotate")
    onsets = raw.annotations.to_data_frame(time_format=None).groupby("description")["onset"]
    assert onsets.apply(list)["blink"] == [4.99, 5.0]
    assert onsets.apply(list)["tone"] == [4.99]
    assert onsets.apply(list)["BAD boundary"] == [5.0]
    trials = Trials.from_raws([raw], 0, 1, event_id=["blink"])
    assert trials.metadata["onset"].tolist() == [5.0]
    with pytest.raises(ValueError, match="No trial is left"):
        Trials.from_raws([raw], 0, 1, event_id=["tone"])


@pytest.mark.parametrize("packet", [1, 12])
@pytest.mark.parametrize("rate", [255.5, 256, 256.3])
def test_gaps_are_found_with_clocks_that_drift_and_after_a_late_packet(packet, rate):
    rng = np.random.default_rng(0)
    times = np.arange(300 * 256) // packet * packet / rate
    late = rng.uniform(0, 0.03 if packet > 1 else 0, times.size // packet + 1)
    times = times + late[np.arange(times.size) // packet]
    if packet > 1:  # some packets are late, one after another
        times[2560:2572] += 0.4
        times = np.maximum.accumulate(times)
    times[200 * 256 :] += 0.5
    file = StringIO(pd.DataFrame({"t": times.round(4), "a": 0.0}).to_csv(index=False))
    raw = read_raw_csv(file, 256, ["a"], time="t", gaps="annotate")
    is_gap = raw.annotations.description == "BAD boundary"
    np.testing.assert_allclose(256 * raw.annotations.onset[is_gap], 200 * 256, atol=packet)


def test_a_gap_does_not_hide_another_rate():
    times = np.arange(15000) / 250
    file = StringIO(pd.DataFrame({"t": np.r_[times, times + 1000], "a": 0.0}).to_csv(index=False))
    with pytest.raises(DataFormatError, match="time stamps at sfreq=256 Hz"):
        read_raw_csv(file, 256, ["a"], time="t", gaps="annotate")


def test_stamps_of_another_rate_are_no_annotated_gaps(muselsl):
    path, _ = muselsl
    table = pd.read_csv(path)
    table["timestamps"] = 4 * (table["timestamps"] - table["timestamps"][0])
    table.to_csv(path, index=False)
    with pytest.raises(DataFormatError, match=r"at sfreq=256 Hz, got 6\d\.?\d* Hz"):
        read_raw_csv(path, 256, CHANNELS, time="timestamps", gaps="annotate")


@pytest.mark.parametrize(
    ("cell", "params", "match"),
    [
        (("AF7", 3, ""), {}, r"got 'nan' in column 'AF7', row 3"),
        (("AF7", 3, "x"), {}, r"got 'x' in column 'AF7', row 3"),
        (("timestamps", 3, ""), {}, r"expected a time stamp in every sample, got none in row 3"),
        (("timestamps", 3, "x"), {}, r"expected a time stamp in every sample, got none in row 3"),
        (None, {"ch_names": ["Fp1"]}, r"columns \['Fp1'\].*only \['timestamps', 'TP9'"),
        (None, {"markers": "Marker0"}, r"columns \['Marker0'\]"),
        (None, {"sfreq": 220}, r"at sfreq=220 Hz, got 25\d"),
    ],
)
def test_other_files_raise(muselsl, cell, params, match):
    path, _ = muselsl
    if cell is not None:
        table = pd.read_csv(path, dtype=str)
        table.loc[cell[1], cell[0]] = cell[2]
        table.to_csv(path, index=False)
    params = {"sfreq": 256, "ch_names": CHANNELS, "time": "timestamps"} | params
    with pytest.raises(DataFormatError, match=rf"muse\.csv.*{match}"):
        read_raw_csv(path, **params)


def test_single_lost_samples_between_regular_stamps_are_gaps():
    times = np.arange(2560) / 256
    table = pd.DataFrame({"t": times, "a": 0.0}).drop(index=range(127, 2560, 128))
    with pytest.raises(DataFormatError, match=r"1 lost samples .* after row 126"):
        read_raw_csv(StringIO(table.to_csv(index=False)), 256, ["a"], time="t")
    rounded = pd.DataFrame({"t": times.round(3), "a": 0.0})  # to milliseconds
    raw = read_raw_csv(StringIO(rounded.to_csv(index=False)), 256, ["a"], time="t")
    assert raw.n_times == 2560


def test_zero_and_blanks_are_no_marker_beside_text():
    file = StringIO("a,m\n1,0.0\n2,left\n3,0\n4, \n")
    assert read_raw_csv(file, 100, ["a"], markers="m").annotations.description.tolist() == ["left"]


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "table that pandas.read_csv can read, got No columns"),
        (b"a,b\n1,2\n1,2,3,4\n", "can read, got .*line 3"),
        (b"a,b\n\xff\xfe,2\n", "can read, got 'utf-8' codec"),
        (b"a,b\n", "at least one sample, got none"),
        (b"a,b\n0,1,2\n1,3,4\n", "a name for each column; .*index_col=0 .*longer than the header"),
        (gzip.compress(b"a,b\n1,2\n")[:-9], "can read, got Compressed file ended"),
    ],
    ids=["empty", "ragged", "encoding", "header", "unnamed", "truncated"],
)
def test_files_without_a_table_of_samples_raise(tmp_path, content, match):
    path = tmp_path / ("one.csv.gz" if content.startswith(b"\x1f") else "one.csv")
    path.write_bytes(content)
    with pytest.raises(DataFormatError, match=rf"one\.csv.*{match}"):
        read_raw_csv(path, 100, ["a", "b"])


@pytest.mark.parametrize(
    ("content", "params"),
    [("a,b\n1,2,\n3,4,\n", {}), ("a,b\n0,1,2\n1,3,4\n", {"index_col": 0})],
    ids=["separator", "unnamed"],
)
def test_columns_keep_their_names_if_rows_have_more_cells_than_the_header(content, params):
    raw = read_raw_csv(StringIO(content), 100, ["a", "b"], **params)
    assert raw.get_data(units="uV").tolist() == [[1, 3], [2, 4]]


@pytest.mark.parametrize("usecols", [["a", "b"], [0, 1], lambda name: name != "c"])
def test_usecols_does_not_hide_a_column_without_a_name(tmp_path, usecols):
    path = tmp_path / "one.csv"
    path.write_text("a,b,c\n0,1,2,3\n1,3,4,5\n")
    for source in (path, StringIO(path.read_text())):
        with pytest.raises(DataFormatError, match="got rows that are longer than the header"):
            read_raw_csv(source, 100, ["a", "b"], usecols=usecols)
    raw = read_raw_csv(StringIO("a,c,b\n1,7,2,\n3,7,4,\n"), 100, ["a", "b"], usecols=["a", "b"])
    assert raw.get_data(units="uV").tolist() == [[1, 3], [2, 4]]


def test_an_error_names_the_kind_of_an_open_file():
    with pytest.raises(DataFormatError, match=r"StringIO.*got 'x' in column 'a', row 0"):
        read_raw_csv(StringIO("a,b\nx,1\n"), 100, ["a", "b"])


@pytest.mark.parametrize(("step", "rate"), [(1000 / 256, "0.256 Hz"), (1 / 16, "16 Hz")])
def test_regular_stamps_of_another_rate_are_no_gap(step, rate):
    table = pd.DataFrame({"t": 1.7e6 + step * np.arange(500), "A": np.arange(500)})
    with pytest.raises(DataFormatError, match=f"time stamps at sfreq=256 Hz, got {rate}"):
        read_raw_csv(StringIO(table.to_csv()), 256, ["A"], time="t")


@pytest.mark.parametrize("rate", [98, 102])
def test_stamps_of_a_slightly_different_rate_are_an_error(rate):
    table = pd.DataFrame({"t": np.arange(500) / rate, "A": 0.0})
    with pytest.raises(DataFormatError, match=f"time stamps at sfreq=100 Hz, got {rate} Hz"):
        read_raw_csv(StringIO(table.to_csv()), 100, ["A"], time="t")


def test_gaps_are_found_in_time_stamps_only():
    with pytest.raises(ValueError, match="gaps='annotate' requires time, got time=None"):
        read_raw_csv(StringIO("a\n1\n"), 100, ["a"], gaps="annotate")
    with pytest.raises(ValueError, match="gaps must be one of 'raise', 'annotate', got 'skip'"):
        read_raw_csv(StringIO("a\n1\n"), 100, ["a"], gaps="skip")


def test_at_least_one_channel_is_required():
    with pytest.raises(ValueError, match=r"ch_names must name at least one channel, got \[\]"):
        read_raw_csv(StringIO("a\n1\n"), 100, [])


def test_false_is_no_marker():
    file = StringIO("A,marker\n1,False\n2,True\n3,False\n")
    raw = read_raw_csv(file, 100, ["A"], markers="marker")
    assert list(raw.annotations.description) == ["True"]


def test_a_marker_held_over_rows_is_one_event():
    file = StringIO("A,m\n1,\n2,1\n3,1\n4,2\n5,2\n6,\n7,2\n")
    annotations = read_raw_csv(file, 100, ["A"], markers="m").annotations
    assert annotations.description.tolist() == ["1", "2", "2"]
    np.testing.assert_allclose(annotations.onset, [0.01, 0.03, 0.06])


def test_rows_in_another_order_and_equal_names_raise():
    times = np.arange(2560) / 256
    table = pd.DataFrame({"t": np.roll(times, 1280), "A": 0.0, "B": 0.0}).to_csv()
    with pytest.raises(DataFormatError, match=r"stamps in ascending order, got .* in row 1280"):
        read_raw_csv(StringIO(table), 256, ["A"], time="t")
    with pytest.raises(ValueError, match="name each channel once, got 'A' twice"):
        read_raw_csv(StringIO(table), 256, ["A", "A"])
    with pytest.raises(ValueError, match="name each channel once, got 'Fp1' twice"):
        read_raw_csv(StringIO(table), 256, {"A": "Fp1", "B": "Fp1"})


@pytest.mark.parametrize("sfreq", [None, "100", True, np.nan])
def test_the_rate_must_be_a_number(sfreq):
    with pytest.raises(ValueError, match="sfreq must be a positive number, got"):
        read_raw_csv(StringIO("A\n1\n2\n"), sfreq, ["A"])
