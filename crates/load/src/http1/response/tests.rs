use proptest::prelude::*;

use super::*;

fn parse(pieces: &[&[u8]]) -> Result<Progress, Malformed> {
    let mut response = Response::new();
    response.expect(b"id-1");
    let mut last = Progress::More;
    for piece in pieces {
        last = response.feed(piece)?;
    }
    Ok(last)
}

fn whole(status: u16) -> Answer {
    Answer { status, ..Answer::default() }
}

#[test]
fn answers_of_every_framing() {
    let cases: &[(&[u8], Answer, usize)] = &[
        (b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", whole(200), 0),
        (b"HTTP/1.1 200 OK\nContent-Length: 0\n\nxyz", whole(200), 3),
        (b"HTTP/1.1 204 No Content\r\n\r\n", whole(204), 0),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", whole(200), 0),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\nt: v\r\n\r\nH", whole(200), 1),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n", whole(202), 0),
        (b"HTTP/1.1 200\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", Answer { close: true, ..whole(200) }, 0),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", Answer { close: true, ..whole(200) }, 0),
        (b"HTTP/1.1 200 OK\r\nx-long: a\r\n b\r\n\tc\r\ncontent-length: 0\r\n\r\n", whole(200), 0),
        (b"HTTP/1.1 799 Own\r\ncontent-length: 0\r\n\r\n", whole(799), 0),
        (
            b"HTTP/1.1 200 OK\r\nconnection: close, keep-alive\r\ncontent-length: 0\r\n\r\n",
            Answer { close: true, ..whole(200) },
            0,
        ),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", whole(200), 0),
        (
            b"HTTP/1.1 503 x\r\nretry-after: 1\r\ncontent-length: 0\r\n\r\n",
            Answer { retry_after: true, ..whole(503) },
            0,
        ),
        (b"HTTP/1.1 200 OK\r\nx-request-id: id-1\r\ncontent-length: 0\r\n\r\n", whole(200), 0),
        (
            b"HTTP/1.1 200 OK\r\nx-request-id: id-0\r\ncontent-length: 0\r\n\r\n",
            Answer { foreign_id: true, ..whole(200) },
            0,
        ),
        (b"HTTP/1.1 200 OK\r\nx-request-id: its-own\r\ncontent-length: 0\r\n\r\n", whole(200), 0),
    ];
    for (input, answer, left) in cases {
        let text = String::from_utf8_lossy(input);
        assert_eq!(parse(&[input]), Ok(Progress::Whole { answer: *answer, left: *left }), "{text}");
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    let long = [b"HTTP/1.1 200 OK\r\nx: ".as_slice(), &[b'a'; HEAD_BYTES_MAX]].concat();
    let cases: &[&[u8]] = &[
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 99 x\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        &long,
    ];
    for input in cases {
        assert!(parse(&[input]).is_err(), "{}", String::from_utf8_lossy(&input[..input.len().min(60)]));
    }
    assert!(parse(&[&b"HTTP/1.1 100 x\r\n\r\n".repeat(9)]).is_err(), "endless interim heads");
}

#[test]
fn an_end_of_the_connection_is_told_by_what_had_come() {
    let end_after = |input: &[u8]| {
        let mut response = Response::new();
        response.expect(b"id-1");
        let _ = response.feed(input).unwrap();
        response.at_end()
    };
    assert_eq!(end_after(b""), AtEnd::Nothing);
    assert_eq!(end_after(b"HTTP/1"), AtEnd::Partial);
    assert_eq!(end_after(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab"), AtEnd::Partial);
    assert_eq!(end_after(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n"), AtEnd::Partial);
    assert_eq!(end_after(b"HTTP/1.1 200 OK\r\n\r\nabc"), AtEnd::Whole(Answer { close: true, ..whole(200) }));
}

proptest! {
    #[test]
    fn where_the_bytes_are_cut_changes_nothing(cuts in proptest::collection::vec(0usize..130, 0..6), form in 0usize..3) {
        let inputs: [&[u8]; 3] = [
            b"HTTP/1.1 200 OK\r\nserver: x\r\ncontent-length: 10\r\n\r\n0123456789",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nA\r\n0123456789\r\n5;a\r\n\r\nxy\n\r\n0\r\nt: v\r\n\r\n",
            b"HTTP/1.1 103 Hints\r\nlink: y\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
        ];
        let input = inputs[form];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &input[pair[0]..pair[1]]).collect();
        let mut response = Response::new();
        response.expect(b"id-1");
        let mut ended = None;
        for piece in pieces {
            prop_assert!(ended.is_none() || piece.is_empty());
            if let Progress::Whole { answer, left } = response.feed(piece).unwrap() && ended.is_none() {
                prop_assert_eq!(left, 0);
                ended = Some(answer);
            }
        }
        prop_assert_eq!(ended, Some(whole(200)));
    }

    #[test]
    fn any_bytes_end_in_an_answer_or_an_error_within_the_limits(input in proptest::collection::vec(any::<u8>(), 0..512)) {
        let mut response = Response::new();
        response.expect(b"id-1");
        let _ = response.feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n");
        let _ = response.feed(&input);
        prop_assert!(response.pending.len() <= HEAD_BYTES_MAX + 512);
    }
}
