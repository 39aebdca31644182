//! What /proc says about this process.

use crate::metrics::declared::{
    PROCESS_CPU, PROCESS_FDS, PROCESS_FDS_MAX, PROCESS_MEMORY, PROCESS_THREADS, PROCESS_VIRTUAL,
};
use crate::metrics::family::Family;

/// The families of the process.
pub(crate) fn families() -> Vec<Family> {
    let mut families = Vec::new();
    if let Some(stat) = std::fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse) {
        families.push(Family::single(&PROCESS_CPU, stat.cpu_ticks as f64 / ticks_a_second()));
        families.push(Family::single(&PROCESS_THREADS, stat.threads as f64));
        families.push(Family::single(&PROCESS_VIRTUAL, stat.virtual_bytes as f64));
        families.push(Family::single(&PROCESS_MEMORY, stat.resident_pages as f64 * page_bytes()));
    }
    if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
        // Reading the folder has a descriptor of its own.
        families.push(Family::single(&PROCESS_FDS, open.count().saturating_sub(1) as f64));
    }
    if let Some(most) = std::fs::read_to_string("/proc/self/limits").ok().as_deref().and_then(open_files_most) {
        families.push(Family::single(&PROCESS_FDS_MAX, most as f64));
    }
    families
}

/// What we read of /proc/self/stat.
#[derive(Debug, PartialEq, Eq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The name of the program, in parentheses, may contain anything, so fields are counted behind the last one.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
        // Field 3 of proc(5) is at index 0.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

fn open_files_most(limits: &str) -> Option<u64> {
    limits.lines().find_map(|line| line.strip_prefix("Max open files")?.split_whitespace().next()?.parse().ok())
}

fn ticks_a_second() -> f64 {
    // SAFETY: reads a constant of the system; no memory is handed over.
    positive(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }, 100.0)
}

fn page_bytes() -> f64 {
    // SAFETY: reads a constant of the system; no memory is handed over.
    positive(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }, 4096.0)
}

fn positive(value: libc::c_long, otherwise: f64) -> f64 {
    if value > 0 { value as f64 } else { otherwise }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_is_no_field() {
        let text = "7 (a) (b c) S 1 1 1 0 -1 4 9 0 0 0 150 50 0 0 20 0 3 0 100 8192 25 18446744073709551615 0";
        assert_eq!(
            Stat::parse(text),
            Some(Stat { cpu_ticks: 200, threads: 3, virtual_bytes: 8192, resident_pages: 25 })
        );
        assert_eq!(Stat::parse("7 (a"), None);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        assert_eq!(families().len(), 6);
        assert_eq!(open_files_most("Max processes 7 7 x\nMax open files            1024  4096 files\n"), Some(1024));
    }
}
