//! The messages of pprof's `profile.proto`, as far as a CPU profile needs them.

use pprof::Report;
use std::collections::HashMap;
use std::time::UNIX_EPOCH;

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Profile {
    #[prost(message, repeated, tag = "1")]
    sample_type: Vec<ValueType>,
    #[prost(message, repeated, tag = "2")]
    sample: Vec<Sample>,
    #[prost(message, repeated, tag = "4")]
    location: Vec<Location>,
    #[prost(message, repeated, tag = "5")]
    function: Vec<Function>,
    #[prost(string, repeated, tag = "6")]
    string_table: Vec<String>,
    #[prost(int64, tag = "9")]
    time_nanos: i64,
    #[prost(int64, tag = "10")]
    duration_nanos: i64,
    #[prost(message, optional, tag = "11")]
    period_type: Option<ValueType>,
    #[prost(int64, tag = "12")]
    period: i64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct ValueType {
    #[prost(int64, tag = "1")]
    kind: i64,
    #[prost(int64, tag = "2")]
    unit: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Sample {
    #[prost(uint64, repeated, tag = "1")]
    location_id: Vec<u64>,
    #[prost(int64, repeated, tag = "2")]
    value: Vec<i64>,
    #[prost(message, repeated, tag = "3")]
    label: Vec<Label>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Label {
    #[prost(int64, tag = "1")]
    key: i64,
    #[prost(int64, tag = "2")]
    text: i64,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Location {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(message, repeated, tag = "4")]
    line: Vec<Line>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Line {
    #[prost(uint64, tag = "1")]
    function_id: u64,
    #[prost(int64, tag = "2")]
    line: i64,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Function {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(int64, tag = "2")]
    name: i64,
    #[prost(int64, tag = "3")]
    system_name: i64,
    #[prost(int64, tag = "4")]
    filename: i64,
}

/// Texts, each once, by their number. The first is empty, as the format asks.
struct Texts {
    numbers: HashMap<String, i64>,
    all: Vec<String>,
}

impl Texts {
    fn number(&mut self, text: &str) -> i64 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.all.len() as i64;
        self.numbers.insert(text.to_owned(), number);
        self.all.push(text.to_owned());
        number
    }
}

/// The report as a profile: samples and nanoseconds of processor time, by stack and thread.
pub(super) fn profile(report: &Report, hertz: i32) -> Profile {
    let mut texts = Texts { numbers: HashMap::new(), all: Vec::new() };
    texts.number("");
    let (samples, count) = (texts.number("samples"), texts.number("count"));
    let (cpu, nanoseconds) = (texts.number("cpu"), texts.number("nanoseconds"));
    let thread = texts.number("thread");
    let period = 1_000_000_000 / i64::from(hertz.max(1));
    let mut profile = Profile {
        sample_type: vec![ValueType { kind: samples, unit: count }, ValueType { kind: cpu, unit: nanoseconds }],
        period_type: Some(ValueType { kind: cpu, unit: nanoseconds }),
        period,
        time_nanos: report.timing.start_time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64),
        duration_nanos: report.timing.duration.as_nanos() as i64,
        ..Profile::default()
    };
    let mut places: HashMap<(i64, i64, u32), u64> = HashMap::new();
    for (frames, hits) in &report.data {
        let mut location_id = Vec::new();
        // A frame is several symbols where functions were inlined: the innermost first, as the format wants it.
        for symbol in frames.frames.iter().flatten() {
            let (name, file) = (texts.number(&symbol.name()), texts.number(&symbol.filename()));
            let next = places.len() as u64 + 1;
            let id = *places.entry((name, file, symbol.lineno())).or_insert(next);
            if id == next {
                let line = Line { function_id: id, line: i64::from(symbol.lineno()) };
                profile.location.push(Location { id, line: vec![line] });
                profile.function.push(Function { id, name, system_name: name, filename: file });
            }
            location_id.push(id);
        }
        let label = vec![Label { key: thread, text: texts.number(&frames.thread_name) }];
        let hits = *hits as i64;
        profile.sample.push(Sample { location_id, value: vec![hits, hits * period], label });
    }
    profile.string_table = texts.all;
    profile
}
