//! macOS and iOS count unread and unsent bytes; a least round-trip time they do not keep.

use std::mem::size_of;
use std::os::fd::AsRawFd;
use std::time::Duration;

use tokio::net::TcpStream;

pub(super) fn unread_bytes(stream: &TcpStream) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one int through the pointer, which lives until the call has returned; the borrowed
    // stream keeps the descriptor open.
    let result = unsafe { libc::ioctl(stream.as_raw_fd(), libc::FIONREAD, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).ok() } else { None }
}

pub(super) fn unsent_bytes(stream: &TcpStream) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, the int's own size; both pointers live until the call has
    // returned; the borrowed stream keeps the descriptor open.
    let result = unsafe {
        libc::getsockopt(
            stream.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_NWRITE,
            (&raw mut bytes).cast(),
            &raw mut length,
        )
    };
    if result == 0 { usize::try_from(bytes).ok() } else { None }
}

pub(super) fn least_round_trip(_: &TcpStream) -> Option<Duration> {
    None
}
