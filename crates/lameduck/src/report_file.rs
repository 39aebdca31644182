//! The last document, left where somebody will look for it.

use lameduck_lifecycle::{COMPACT_BYTES_MAX, Report};
use std::io::Write;
use std::path::Path;

/// The file that the kubelet reads: it keeps only the first bytes.
const TERMINATION_LOG: &str = "/dev/termination-log";

/// The text for a file: compact for the kubelet, else readable.
pub(crate) fn text(path: &Path, report: &Report) -> String {
    if path == Path::new(TERMINATION_LOG) {
        return report.document.compact(COMPACT_BYTES_MAX);
    }
    let mut text = serde_json::to_string_pretty(&report.document).unwrap_or_default();
    text.push('\n');
    text
}

/// Writes it: beside the file and then over it, so that a reader never sees half a report. A device or a mounted file
/// (as the termination log is) cannot be replaced and is written in place.
///
/// # Errors
/// What the operating system says.
pub(crate) fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let plain = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    if path == Path::new(TERMINATION_LOG) || (path.exists() && !plain) {
        return std::fs::write(path, text);
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = std::fs::File::create(&beside).and_then(|mut file| file.write_all(text.as_bytes()));
    match written.and_then(|()| std::fs::rename(&beside, path)) {
        Ok(()) => Ok(()),
        Err(_) => {
            let _ = std::fs::remove_file(&beside);
            std::fs::write(path, text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lameduck_lifecycle::{Event, Ledger, Machine, Plan, Snapshot};
    use std::time::Duration;

    #[test]
    fn replaces_what_was_there_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        write(&path, "a longer first report").unwrap();
        write(&path, "second").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "second");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn the_termination_log_gets_one_line_that_fits() {
        let mut machine = Machine::new(Plan::default());
        let failed = Event::StartFailed { gate: "listen.http".to_owned(), error: "x".repeat(9000) };
        let _ = machine.on(Duration::ZERO, failed);
        let snapshot = Snapshot {
            at: Duration::ZERO,
            phase: machine.phase().clone(),
            readiness: machine.readiness(),
            ledger: Ledger::default(),
            jobs: Default::default(),
            connections: Default::default(),
            stragglers: Vec::new(),
        };
        let report = Report::of(snapshot, machine.plan());
        let compact = text(Path::new(TERMINATION_LOG), &report);
        assert!(compact.len() <= COMPACT_BYTES_MAX && !compact.contains('\n'), "{compact}");
        let document: serde_json::Value = serde_json::from_str(&compact).unwrap();
        assert_eq!((&document["version"], &document["exit_code"]), (&2.into(), &1.into()));
        assert_eq!(document["cause"]["kind"], "start_failed");
        assert!(text(Path::new("report.json"), &report).ends_with("}\n"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        assert!(write(&folder.path().join("missing/report.json"), "x").is_err());
    }
}
