//! What the operating system says about this process. Linux says it in /proc; elsewhere these metrics are absent.

#[cfg(target_os = "linux")]
mod linux;

#[cfg(target_os = "linux")]
pub(super) use linux::families;

/// None: this system has no /proc.
#[cfg(not(target_os = "linux"))]
pub(super) fn families() -> Vec<super::family::Family> {
    Vec::new()
}
