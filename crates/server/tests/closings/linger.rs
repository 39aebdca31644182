//! Linger: a close while bytes are unread makes the kernel reset, and a reset takes along what the client has not
//! received yet of an answer that was given.

use lameduck_lifecycle::ConnectionState;
use lameduck_server::{Closings, Options, Seams};

use crate::client::{Client, Lost};
use crate::rig::{PATIENCE, Rig, SOON};

/// More than a narrow client's receive buffer, less than the server's send buffer.
const ANSWER_BYTES: usize = 200_000;

/// What the handler leaves unread; more than one read of the server.
const UPLOAD_BYTES: usize = 400_000;

/// A client that is told to leave by an answer that came before its upload was read, and that takes the answer only
/// when the server has closed its side.
fn answer_to_an_unread_upload(closings: Closings) -> Result<usize, Lost> {
    // The client reads within it, however busy the machine is.
    let seams = Seams { linger: PATIENCE, ..Seams::default() };
    let rig = Rig::with(Options { closings, seams, ..Options::default() });
    let mut client = Client::connect_narrow(rig.address).unwrap();
    let head = format!("POST /bytes/{ANSWER_BYTES} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n");
    client.send(format!("{head}content-length: {UPLOAD_BYTES}\r\n\r\n").as_bytes()).unwrap();
    // Without the linger the reset may come before all of it is sent.
    let _ = client.send(&vec![b'u'; UPLOAD_BYTES]);

    rig.drain();
    if closings.linger {
        rig.until("half-closed", |numbers| numbers.connections.in_state(ConnectionState::Closing) == 1);
    } else {
        rig.until("closed", |numbers| numbers.connections.open() == 0);
    }
    let answer = client.answer().map(|answer| answer.body.len());
    drop(client);
    rig.drained(SOON);
    answer
}

#[test]
fn an_answer_arrives_though_the_request_was_not_read() {
    assert_eq!(answer_to_an_unread_upload(Closings::default()), Ok(ANSWER_BYTES));
}

#[test]
fn control_without_the_linger_a_reset_takes_the_answer_along() {
    let answer = answer_to_an_unread_upload(Closings { linger: false, ..Closings::default() });
    assert!(matches!(answer, Err(Lost::Reset(_))), "{answer:?}");
}
