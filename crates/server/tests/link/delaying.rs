//! A link with a delay, made of a TUN device and an exchange of addresses.
//!
//! A packet to the far address comes out of the device, waits, and goes back in with source and destination exchanged:
//! so a client that connects to `far` reaches a server on `near`, and each direction takes the delay. (The checksums
//! cover both addresses by a sum, which an exchange leaves as it is.)

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

const NEAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 1);
const FAR: Ipv4Addr = Ipv4Addr::new(10, 99, 0, 2);
const PACKET_BYTES_MAX: usize = 2048;

/// The calling thread's own network namespace with a delaying link in it. It ends with the thread.
#[derive(Debug)]
pub(crate) struct DelayingLink(());

impl DelayingLink {
    /// Moves the calling thread into a new namespace and sets the link up.
    ///
    /// # Errors
    /// Without root, without `/dev/net/tun`, or without `ip` of iproute2.
    pub(crate) fn new(one_way: Duration) -> io::Result<Self> {
        // SAFETY: takes no pointer; affects the calling thread alone.
        if unsafe { libc::unshare(libc::CLONE_NEWNET) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let device = open_tun("delay0")?;
        for arguments in ["link set lo up", "address add 10.99.0.1/24 dev delay0", "link set delay0 up"] {
            let status = Command::new("ip").args(arguments.split(' ')).status()?;
            if !status.success() {
                return Err(io::Error::other(format!("ip {arguments}: {status}")));
            }
        }
        let (sender, receiver) = channel();
        let mut reader = device.try_clone()?;
        std::thread::spawn(move || {
            let mut packet = [0; PACKET_BYTES_MAX];
            while let Ok(read) = reader.read(&mut packet) {
                if sender.send((Instant::now() + one_way, packet[..read].to_vec())).is_err() {
                    return;
                }
            }
        });
        std::thread::spawn(move || deliver(device, &receiver));
        Ok(Self(()))
    }

    /// The address of this end.
    pub(crate) fn near(&self) -> IpAddr {
        NEAR.into()
    }

    /// The same end, by way of the link.
    pub(crate) fn far(&self) -> IpAddr {
        FAR.into()
    }
}

/// Gives each packet back at its time, addresses exchanged. All wait equally long, so the order stays.
fn deliver(mut device: File, receiver: &Receiver<(Instant, Vec<u8>)>) {
    let mut waiting: VecDeque<(Instant, Vec<u8>)> = VecDeque::new();
    loop {
        let wait =
            waiting.front().map_or(Duration::from_secs(3600), |(due, _)| due.saturating_duration_since(Instant::now()));
        match receiver.recv_timeout(wait) {
            Ok(packet) => waiting.push_back(packet),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        while waiting.front().is_some_and(|(due, _)| *due <= Instant::now()) {
            let Some((_, mut packet)) = waiting.pop_front() else { return };
            if packet.len() >= 20 && packet[0] >> 4 == 4 {
                let (source, destination) = packet[12..20].split_at_mut(4);
                source.swap_with_slice(destination);
                let _ = device.write_all(&packet);
            }
        }
    }
}

fn open_tun(name: &str) -> io::Result<File> {
    let device = OpenOptions::new().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: all-zero bytes are a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the request lives until the call has returned, and the device is open.
    if unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(device)
}
