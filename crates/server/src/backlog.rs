//! The accept queue of a listener, as the kernel sees it.

use tokio::net::TcpListener;

/// From now on new handshakes are turned away in silence (their clients try again after a second, and are refused
/// then), while those under way may complete. For a listener that is about to close.
///
/// False: the system cannot do that.
pub(crate) fn turn_away_new(listener: &TcpListener) -> bool {
    platform::turn_away_new(listener)
}

/// Connections that are established and wait to be accepted. `None`: the system does not tell.
pub(crate) fn waiting(listener: &TcpListener) -> Option<u32> {
    platform::waiting(listener)
}

/// Whether a handshake with the listener's port is under way: the kernel has answered a client's first packet and waits
/// for its second. On a busy machine that takes longer than the wire does. False, too, if the system does not tell.
pub(crate) fn shaking_hands(listener: &TcpListener) -> bool {
    listener.local_addr().is_ok_and(|address| platform::shaking_hands(address.port()))
}

#[cfg(target_os = "linux")]
mod platform {
    use std::mem::size_of;
    use std::os::fd::AsRawFd;
    use tokio::net::TcpListener;

    const fn filter(code: u32, if_true: u8, if_false: u8, operand: u32) -> libc::sock_filter {
        libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k: operand }
    }

    /// Where the flags are in a TCP header, and which of them tell a new handshake: SYN without ACK.
    const FLAGS_OFFSET: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;

    /// Drops the first packet of a handshake, passes everything else whole.
    const NO_SYN: [libc::sock_filter; 5] = [
        filter(libc::BPF_LD | libc::BPF_B | libc::BPF_ABS, 0, 0, FLAGS_OFFSET),
        filter(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0, 0, SYN | ACK),
        filter(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, 0, 1, SYN),
        filter(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
        filter(libc::BPF_RET | libc::BPF_K, 0, 0, u32::MAX),
    ];

    pub(super) fn turn_away_new(listener: &TcpListener) -> bool {
        let program = libc::sock_fprog { len: NO_SYN.len() as u16, filter: NO_SYN.as_ptr().cast_mut() };
        // SAFETY: the kernel copies the program, which lives until the call has returned, and only reads it; the
        // caller's borrow of the listener keeps the descriptor open.
        let result = unsafe {
            libc::setsockopt(
                listener.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_ATTACH_FILTER,
                (&raw const program).cast(),
                size_of::<libc::sock_fprog>() as libc::socklen_t,
            )
        };
        if result != 0 {
            let error = std::io::Error::last_os_error();
            tracing::debug!(%error, "the kernel takes no filter; the listener closes without it");
        }
        result == 0
    }

    pub(super) fn waiting(listener: &TcpListener) -> Option<u32> {
        // SAFETY: `tcp_info` consists of integers, for which all zeros are valid.
        let mut info: libc::tcp_info = unsafe { std::mem::zeroed() };
        let mut length = size_of::<libc::tcp_info>() as libc::socklen_t;
        // SAFETY: the kernel writes at most `length` bytes, the struct's own size; both pointers live until the call
        // has returned; the caller's borrow of the listener keeps the descriptor open.
        let result = unsafe {
            libc::getsockopt(
                listener.as_raw_fd(),
                libc::IPPROTO_TCP,
                libc::TCP_INFO,
                (&raw mut info).cast(),
                &raw mut length,
            )
        };
        // For a listener, the length of its accept queue.
        (result == 0).then_some(info.tcpi_unacked)
    }

    /// The kernel's tables of sockets, proc_pid_net(5). They are as long as this network namespace has sockets: some
    /// milliseconds for ten thousand.
    const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

    /// `TCP_SYN_RECV` of the kernel's `tcp_states.h`, as the tables print it.
    const SYN_RECV: &str = "03";

    pub(super) fn shaking_hands(port: u16) -> bool {
        TABLES.iter().any(|table| std::fs::read_to_string(table).is_ok_and(|text| lists_handshake(&text, port)))
    }

    /// Whether one line is of `port`, and of that state: `  0: LOCAL:PORT REMOTE:PORT STATE …`, all hexadecimal.
    pub(super) fn lists_handshake(table: &str, port: u16) -> bool {
        let port = format!(":{port:04X}");
        table.lines().skip(1).any(|line| {
            let mut words = line.split_ascii_whitespace().skip(1);
            words.next().is_some_and(|local| local.ends_with(&port)) && words.nth(1) == Some(SYN_RECV)
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod platform {
    use tokio::net::TcpListener;

    pub(super) fn turn_away_new(_: &TcpListener) -> bool {
        false
    }

    pub(super) fn waiting(_: &TcpListener) -> Option<u32> {
        None
    }

    pub(super) fn shaking_hands(_: u16) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::io::ErrorKind;
    use std::net::TcpStream;
    use std::time::Duration;

    #[tokio::test]
    async fn new_handshakes_are_turned_away_and_the_queue_is_counted() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        assert_eq!(waiting(&listener), Some(0));
        let early = TcpStream::connect(address).unwrap();
        assert_eq!(waiting(&listener), Some(1));

        assert!(turn_away_new(&listener));
        let late = TcpStream::connect_timeout(&address, Duration::from_millis(50));
        assert_eq!(late.unwrap_err().kind(), ErrorKind::TimedOut);
        assert_eq!(waiting(&listener), Some(1), "who was there before still is");
        let (accepted, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, early.local_addr().unwrap());
        drop((accepted, early));
        assert_eq!(waiting(&listener), Some(0));
    }
    #[test]
    fn a_handshake_is_found_by_port_and_state() {
        let line =
            |local: &str, state: &str| format!("   0: {local} 0100007F:D431 {state} 00000000:00000000 00:00000000");
        let table = |lines: &[String]| format!("  sl  local_address rem_address   st\n{}\n", lines.join("\n"));
        let under_way = table(&[line("0100007F:1F90", "0A"), line("0100007F:1F90", "01"), line("0100007F:1F90", "03")]);
        assert!(platform::lists_handshake(&under_way, 8080));
        assert!(!platform::lists_handshake(&under_way, 8081));
        assert!(!platform::lists_handshake(&table(&[line("0100007F:1F90", "0A")]), 8080));
        assert!(!platform::lists_handshake("", 8080));
    }

    #[tokio::test]
    async fn nobody_shakes_hands_with_a_listener_that_nobody_knows() {
        assert!(!shaking_hands(&TcpListener::bind("127.0.0.1:0").await.unwrap()));
    }
}
