//! The service as a whole, from outside: a real process, real sockets, real signals; and the shape of the project itself.

mod tidy;
