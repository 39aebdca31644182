//! Linux answers all three questions.

use std::mem::{offset_of, size_of};
use std::os::fd::{AsRawFd, RawFd};
use std::time::Duration;

use tokio::net::TcpStream;

pub(super) fn unread_bytes(stream: &TcpStream) -> Option<usize> {
    count(stream.as_raw_fd(), libc::FIONREAD)
}

pub(super) fn unsent_bytes(stream: &TcpStream) -> Option<usize> {
    let socket = stream.as_raw_fd();
    // TIOCOUTQ is SIOCOUTQ's number; the socket layer answers it for sockets.
    match count(socket, libc::TIOCOUTQ)? {
        0 => Some(0),
        // A reset drops what was queued, but not from this count: nobody will ever acknowledge it.
        _ if tcp_info(socket).is_some_and(|info| info.state == CLOSED) => Some(0),
        bytes => Some(bytes),
    }
}

pub(super) fn least_round_trip(stream: &TcpStream) -> Option<Duration> {
    // The kernel's mark for "no sample yet".
    const NO_SAMPLE: u32 = u32::MAX;
    let least_us = tcp_info(stream.as_raw_fd())?.least_round_trip_us;
    (least_us != NO_SAMPLE).then(|| Duration::from_micros(least_us.into()))
}

fn count(socket: RawFd, request: libc::Ioctl) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: both requests write one int through the pointer, which lives until the call has returned; the caller's
    // borrow of the stream keeps the descriptor open.
    let result = unsafe { libc::ioctl(socket, request, &raw mut bytes) };
    if result == 0 { usize::try_from(bytes).ok() } else { None }
}

/// `struct tcp_info` of `linux/tcp.h` up to the field that we read (there since Linux 4.6; libc's own is shorter). The
/// kernel only ever appends to it.
#[repr(C)]
#[derive(Default)]
struct TcpInfo {
    state: u8,
    flags: [u8; 7],
    timers_and_counts: [u32; 24],
    pacing_and_bytes: [u64; 4],
    segments_and_unsent: [u32; 3],
    least_round_trip_us: u32,
}

const _: () = assert!(offset_of!(TcpInfo, least_round_trip_us) == 148 && size_of::<TcpInfo>() == 152);

/// `TCP_CLOSE` of `linux/tcp_states.h`.
const CLOSED: u8 = 7;

fn tcp_info(socket: RawFd) -> Option<TcpInfo> {
    let mut info = TcpInfo::default();
    let mut length = size_of::<TcpInfo>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes, the struct's own size, and any bytes are valid for its
    // integers; both pointers live until the call has returned; the caller's borrow of the stream keeps the descriptor
    // open.
    let result =
        unsafe { libc::getsockopt(socket, libc::IPPROTO_TCP, libc::TCP_INFO, (&raw mut info).cast(), &raw mut length) };
    // An older or foreign kernel fills less and says so.
    (result == 0 && length as usize == size_of::<TcpInfo>()).then_some(info)
}
