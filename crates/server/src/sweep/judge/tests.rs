use super::*;
use crate::options::Limits;

const SECOND: u64 = 1_000_000_000;
/// A moment with enough past.
const NOW: u64 = 1000 * SECOND;

fn view(protocol: Protocol) -> View {
    View {
        id: 7,
        protocol,
        now_ns: NOW,
        drained_ns: 0,
        accepted_ns: NOW,
        since_ns: NOW,
        head_seen_ns: 0,
        go_away_ns: 0,
        in_flight: 0,
        requests: 0,
        handshake: false,
        spoken: false,
        begun: false,
        unsent: false,
        aged: false,
        settled: false,
    }
}

#[track_caller]
fn check(view: View, expected: Due) {
    assert_eq!(judge(&view, &Options::default()), expected, "{view:?}");
}

#[test]
fn silence_before_the_first_byte() {
    let ago = |seconds| View { since_ns: NOW - seconds * SECOND, ..view(Protocol::Unknown) };
    check(ago(9), Due::Nothing);
    check(ago(10), Due::Close(CloseReason::FirstByteTimeout));
    check(View { drained_ns: NOW - SECOND / 2, ..ago(9) }, Due::Nothing);
    check(View { drained_ns: NOW - SECOND, ..ago(9) }, Due::Close(CloseReason::FirstByteTimeout));
    // Accepted by the flush: its second begins there.
    check(View { drained_ns: NOW - 5 * SECOND, ..ago(0) }, Due::Nothing);
}

#[test]
fn half_a_preface() {
    let ago = |seconds| View { since_ns: NOW - seconds * SECOND, spoken: true, begun: true, ..view(Protocol::Unknown) };
    check(ago(9), Due::Nothing);
    check(ago(10), Due::Kill(CloseReason::HeaderTimeout));
}

#[test]
fn half_a_handshake() {
    let ago = |seconds| View { since_ns: NOW - seconds * SECOND, handshake: true, ..view(Protocol::Unknown) };
    check(ago(9), Due::Nothing);
    check(ago(10), Due::Kill(CloseReason::HandshakeTimeout));
    check(View { drained_ns: NOW - SECOND, ..ago(9) }, Due::Nothing);
    check(View { drained_ns: NOW - 2 * SECOND, ..ago(9) }, Due::Kill(CloseReason::HandshakeTimeout));
    // Begun after the drain had.
    check(View { drained_ns: NOW - 5 * SECOND, ..ago(1) }, Due::Nothing);
}

#[test]
fn half_a_head() {
    let first = |seconds| View { since_ns: NOW - seconds * SECOND, spoken: true, begun: true, ..view(Protocol::Http1) };
    check(first(9), Due::Nothing);
    check(first(10), Due::Kill(CloseReason::HeaderTimeout));

    let later = View { requests: 1, since_ns: NOW - 60 * SECOND, spoken: true, begun: true, ..view(Protocol::Http1) };
    check(later, Due::HeadBegun);
    check(View { head_seen_ns: NOW - 9 * SECOND, ..later }, Due::Nothing);
    check(View { head_seen_ns: NOW - 10 * SECOND, ..later }, Due::Kill(CloseReason::HeaderTimeout));
    check(View { head_seen_ns: NOW - 70 * SECOND, ..later }, Due::HeadBegun);
    check(View { head_seen_ns: NOW - 10 * SECOND, in_flight: 1, ..later }, Due::HeadEnded);
    check(View { head_seen_ns: NOW - 10 * SECOND, begun: false, ..later }, Due::HeadEnded);
}

#[test]
fn between_requests() {
    let idle = |seconds| View { requests: 3, since_ns: NOW - seconds * SECOND, spoken: true, ..view(Protocol::Http1) };
    check(idle(67), Due::Nothing);
    check(idle(83), Due::Close(CloseReason::IdleTimeout));
    check(View { in_flight: 1, ..idle(600) }, Due::Nothing);
    check(View { unsent: true, ..idle(600) }, Due::Nothing);
    check(View { settled: true, ..idle(600) }, Due::Nothing);
}

#[test]
fn http2_leaves_by_goaway_and_is_cut_only_if_it_does_not_answer() {
    let idle = |seconds| View { since_ns: NOW - seconds * SECOND, ..view(Protocol::Http2) };
    check(idle(60), Due::Nothing);
    check(idle(83), Due::GoAway(CloseReason::IdleTimeout));
    check(View { drained_ns: NOW, ..idle(0) }, Due::GoAway(CloseReason::Notice));
    check(View { drained_ns: NOW, in_flight: 1, ..idle(600) }, Due::Nothing);
    check(View { go_away_ns: NOW - 4 * SECOND, ..idle(60) }, Due::Nothing);
    check(View { go_away_ns: NOW - 5 * SECOND, ..idle(60) }, Due::Kill(CloseReason::KeepAliveTimeout));
    // The last stream ended just now.
    check(View { go_away_ns: NOW - 60 * SECOND, ..idle(4) }, Due::Nothing);
    check(View { go_away_ns: NOW - 60 * SECOND, in_flight: 2, ..idle(4) }, Due::Nothing);
}

#[test]
fn an_old_connection_is_announced_and_later_ends() {
    let limits = Limits { connection_age: Duration::from_secs(100), ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    let of =
        |protocol, seconds| View { accepted_ns: NOW - seconds * SECOND, requests: 3, spoken: true, ..view(protocol) };
    let check = |view: View, expected| assert_eq!(judge(&view, &options), expected, "{view:?}");
    let age = Due::Kill(CloseReason::ConnectionAge);

    let http1 = |seconds| View { aged: seconds > 110, ..of(Protocol::Http1, seconds) };
    check(http1(89), Due::Nothing);
    check(http1(110), Due::Announce);
    check(View { in_flight: 1, ..http1(110) }, Due::Announce);
    check(http1(111), Due::Nothing);
    check(http1(141), Due::Close(CloseReason::ConnectionAge));
    check(View { in_flight: 1, ..http1(119) }, Due::Nothing);
    check(View { in_flight: 1, ..http1(141) }, age);
    check(View { settled: true, ..http1(141) }, Due::Nothing);
    check(View { drained_ns: NOW, in_flight: 1, ..http1(141) }, Due::Nothing);

    let http2 = |seconds| of(Protocol::Http2, seconds);
    check(http2(89), Due::Nothing);
    check(View { in_flight: 1, ..http2(110) }, Due::GoAway(CloseReason::ConnectionAge));
    check(View { in_flight: 1, go_away_ns: NOW - SECOND, ..http2(119) }, Due::Nothing);
    check(View { in_flight: 1, go_away_ns: NOW - SECOND, ..http2(141) }, age);
    // Without streams it ends by the answer to PING.
    check(View { go_away_ns: NOW - 6 * SECOND, since_ns: 0, ..http2(111) }, Due::Kill(CloseReason::KeepAliveTimeout));
}

#[test]
fn idle_time_outs_are_spread() {
    let all: Vec<Duration> = (0..1000).map(|id| jittered(Duration::from_secs(100), id)).collect();
    assert!(all.iter().all(|&one| (90..=110).contains(&one.as_secs())), "{all:?}");
    let early = all.iter().filter(|&&one| one < Duration::from_secs(100)).count();
    assert!((400..600).contains(&early), "{early} of 1000 are early");
}
