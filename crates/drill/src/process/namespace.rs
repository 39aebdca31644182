//! Process 1 of a PID namespace, which is what a command is in a container: the kernel drops every signal that it has
//! no handler for, SIGTERM too. A shell in front of a server shows its fault only there.
//!
//! The child of the drill becomes a small parent outside of the namespace, which waits for process 1 and ends as it
//! ended. It runs between fork and exec: system calls only, no allocation, no lock.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use tokio::process::Command;

/// Where the id of process 1 is read once the command has been started.
pub(super) struct InitPid(OwnedFd);

/// Prepares a command to be started as process 1.
///
/// # Errors
/// No file descriptor is left.
pub(super) fn prepare(command: &mut Command) -> io::Result<InitPid> {
    let mut ends = [0; 2];
    // SAFETY: `ends` has room for the two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: both were opened a moment ago and belong to nothing else.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    // SAFETY: plain calls without arguments.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let maps = Maps {
        user: CString::new(format!("{user} {user} 1")).map_err(io::Error::other)?,
        group: CString::new(format!("{group} {group} 1")).map_err(io::Error::other)?,
    };
    // SAFETY: the closure makes system calls only, on values that were made before the fork.
    unsafe { command.pre_exec(move || enter(&maps, write.as_raw_fd())) };
    Ok(InitPid(read))
}

impl InitPid {
    /// The id of process 1 as this process sees it, once `spawn` has returned.
    pub(super) fn read(&self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        // SAFETY: `bytes` has room for as many bytes as are asked for.
        match unsafe { libc::read(self.0.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) } {
            4 => Ok(u32::from_ne_bytes(bytes)),
            _ => Err(io::Error::other("process 1 did not say its id")),
        }
    }
}

/// What makes the user of the drill the same user in a user namespace.
struct Maps {
    user: CString,
    group: CString,
}

/// In the child of the drill. Returns in process 1 only, which goes on to execute the command.
fn enter(maps: &Maps, say: i32) -> io::Result<()> {
    // SAFETY: system calls on valid values.
    unsafe {
        if libc::unshare(libc::CLONE_NEWPID) != 0 {
            // Who may not make a PID namespace may make one inside of a user namespace.
            check(libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWPID))?;
            write_file(c"/proc/self/setgroups", c"deny")?;
            write_file(c"/proc/self/uid_map", &maps.user)?;
            write_file(c"/proc/self/gid_map", &maps.group)?;
        }
        match libc::fork() {
            -1 => Err(io::Error::last_os_error()),
            // Nothing that the drill dies of may leave it behind.
            0 => check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL)),
            init => wait_for(init, say),
        }
    }
}

/// The parent of process 1: says its id, and ends as it ends.
///
/// # Safety
/// Only between fork and exec: it closes every descriptor and never returns.
unsafe fn wait_for(init: libc::pid_t, say: i32) -> io::Result<()> {
    let id = init.to_ne_bytes();
    // SAFETY: system calls on valid values; nothing of this process is used after them but its exit.
    unsafe {
        libc::write(say, id.as_ptr().cast(), id.len());
        // Also the one by which `spawn` waits for the command to be executed.
        if libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) != 0 {
            // Linux before 5.9.
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
            for descriptor in 3..i32::try_from(limit.rlim_cur).unwrap_or(i32::MAX) {
                libc::close(descriptor);
            }
        }
        let mut status = 0;
        while libc::waitpid(init, &raw mut status, 0) < 0 && *libc::__errno_location() == libc::EINTR {}
        if libc::WIFSIGNALED(status) {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::setrlimit(libc::RLIMIT_CORE, &raw const none);
            libc::signal(libc::WTERMSIG(status), libc::SIG_DFL);
            libc::kill(libc::getpid(), libc::WTERMSIG(status));
        }
        libc::_exit(libc::WEXITSTATUS(status));
    }
}

fn check(returned: i32) -> io::Result<()> {
    if returned == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// # Safety
/// None beyond valid strings; it allocates nothing.
unsafe fn write_file(path: &std::ffi::CStr, text: &std::ffi::CStr) -> io::Result<()> {
    // SAFETY: both strings end in zero; the descriptor is closed before it is forgotten.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        let bytes = text.to_bytes();
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let result = if written == bytes.len() as isize { Ok(()) } else { Err(io::Error::last_os_error()) };
        libc::close(file);
        result
    }
}
