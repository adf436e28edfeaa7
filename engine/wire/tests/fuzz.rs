//! Any bytes, and any order of messages: no panic, and what is understood is written back as it
//! came.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod samples;

use bolero::{TypeGenerator, check};
use gavel_types::*;
use gavel_wire::acceptor::{Acceptor, Close, Limits, REFUSALS_MAX, SEQ_MAX, Verdict};
use gavel_wire::client::{self, Application, ClientMessage, Credentials, Establish};
use gavel_wire::frame::{PREAMBLE_BYTES, SCHEMA_VERSION, split, split_server};
use gavel_wire::server;

/// A sample with some bytes changed: valid enough to get far, wrong enough to matter.
#[derive(Clone, Debug, TypeGenerator)]
struct Spoilt {
    sample: u8,
    changes: Vec<(u16, u8)>,
    cut: Option<u16>,
    /// Repairs SOFH and header, so that the damage is in the block.
    is_framed: bool,
}

impl Spoilt {
    fn bytes(&self, frames: &[(&'static str, Vec<u8>)]) -> Vec<u8> {
        let (_, good) = &frames[usize::from(self.sample) % frames.len()];
        let mut bytes = good.clone();
        for &(at, value) in self.changes.iter().take(4) {
            let at = usize::from(at) % bytes.len();
            bytes[at] = value;
        }
        if let Some(cut) = self.cut {
            bytes.truncate(usize::from(cut) % bytes.len() + 1);
        }
        if self.is_framed && bytes.len() >= PREAMBLE_BYTES {
            bytes[..PREAMBLE_BYTES].copy_from_slice(&good[..PREAMBLE_BYTES]);
            let length = bytes.len() as u32;
            bytes[..4].copy_from_slice(&length.to_be_bytes());
        }
        bytes
    }
}

/// What a client sent is understood, refused or a fault; understood, it encodes to the same bytes.
fn try_client(bytes: &[u8]) -> bool {
    let Ok(Some(frame)) = split(bytes) else { return false };
    assert!((PREAMBLE_BYTES..=bytes.len()).contains(&frame.whole_bytes));
    assert_eq!(frame.block.len() + frame.groups.len() + PREAMBLE_BYTES, frame.whole_bytes);
    let Ok(message) = client::decode(&frame) else {
        assert!(frame.template < 100, "an application message is never a fault");
        return false;
    };
    // TransactTime is the client's note, which decoding leaves out.
    let note = match message {
        ClientMessage::Application(Application::NewOrder(_)) => {
            frame.block[77..85].try_into().unwrap()
        }
        _ => [0; 8],
    };
    let Some(again) = samples::client_frame(&message, Nanos(u64::from_le_bytes(note))) else {
        return false;
    };
    if frame.version == SCHEMA_VERSION {
        assert_eq!(again, &bytes[..frame.whole_bytes], "{message:?}");
    }
    assert_eq!(samples::decode_client(&again), message);
    true
}

fn try_server(bytes: &[u8]) -> bool {
    let Ok(Some(frame)) = split_server(bytes) else { return false };
    let Ok(message) = server::decode(&frame) else { return false };
    let again = samples::server_frame(&message);
    if frame.version == SCHEMA_VERSION {
        assert_eq!(again, &bytes[..frame.whole_bytes], "{message:?}");
    }
    true
}

#[test]
fn fuzz_bytes() {
    check!().for_each(|bytes: &[u8]| {
        try_client(bytes);
        try_server(bytes);
    });
}

#[test]
fn fuzz_client_decode() {
    let older = samples::older_client_frames();
    let frames: Vec<_> = samples::client_frames().into_iter().chain(older).collect();
    assert!(frames.iter().all(|(_, bytes)| try_client(bytes)), "samples are understood");
    check!().with_type::<Spoilt>().for_each(|spoilt| {
        try_client(&spoilt.bytes(&frames));
    });
}

#[test]
fn fuzz_server_decode() {
    let frames = samples::server_frames();
    assert!(frames.iter().all(|(_, bytes)| try_server(bytes)), "samples are understood");
    check!().with_type::<Spoilt>().for_each(|spoilt| {
        try_server(&spoilt.bytes(&frames));
    });
}

/// A verdict about a prefix stands, whatever follows.
#[test]
fn fuzz_split_is_monotone() {
    let frames = samples::client_frames();
    check!().with_type::<(Spoilt, Vec<u8>)>().for_each(|(spoilt, tail)| {
        let mut bytes = spoilt.bytes(&frames);
        let before = split(&bytes).map(|frame| frame.map(|frame| frame.whole_bytes));
        bytes.extend(tail);
        let after = split(&bytes).map(|frame| frame.map(|frame| frame.whole_bytes));
        if before != Ok(None) {
            assert_eq!(before, after);
        }
    });
}

#[derive(Clone, Copy, Debug, TypeGenerator)]
enum Step {
    Negotiate { is_good: bool },
    Establish { keepalive_ms: u16, next_seq: u8 },
    Sequence(u8),
    SequenceFar(u64),
    Heartbeat,
    Retransmit { is_own: bool },
    Terminate,
    Finished(u8),
    Order,
    Refused,
    Answer { is_yes: bool },
    Wait { ms: u16 },
    Gone,
}

fn message(step: Step, needs_credentials: bool) -> Option<ClientMessage> {
    let credentials = if needs_credentials {
        Credentials { public_key: [1; 32], signature: [2; 64] }
    } else {
        Credentials::NONE
    };
    Some(match step {
        Step::Negotiate { is_good } => {
            let client_flow = if is_good { FlowType::Idempotent } else { FlowType::None };
            let good = samples::negotiate();
            ClientMessage::Negotiate(client::Negotiate { client_flow, credentials, ..good })
        }
        Step::Establish { keepalive_ms, next_seq } => ClientMessage::Establish(Establish {
            keepalive_ms: u32::from(keepalive_ms),
            next_seq: SeqNo(u64::from(next_seq)),
            cod_type: 0,
            credentials,
            ..samples::establish()
        }),
        Step::Sequence(next) => ClientMessage::Sequence { next_seq: SeqNo(u64::from(next)) },
        Step::SequenceFar(next) => ClientMessage::Sequence { next_seq: SeqNo(next) },
        Step::Heartbeat => ClientMessage::UnsequencedHeartbeat,
        Step::Retransmit { is_own } => {
            let uuid = if is_own { samples::UUID } else { SessionUuid([1; 16]) };
            let request = client::RetransmitRequest { uuid, ..samples::retransmit_request() };
            ClientMessage::RetransmitRequest(request)
        }
        Step::Terminate => {
            ClientMessage::Terminate { uuid: samples::UUID, code: TerminationCode::Finished }
        }
        Step::Finished(last) => {
            let last_seq = SeqNo(u64::from(last));
            ClientMessage::FinishedSending { uuid: samples::UUID, last_seq }
        }
        Step::Order => ClientMessage::Application(Application::NewOrder(samples::new_order())),
        Step::Refused => ClientMessage::Application(Application::Refused(RejectedMessage {
            ref_template: 999,
            reason: BusinessRejectReason::UnsupportedMessageType,
            reserved: 0,
            ref_tag: 0,
            ref_id: 0,
        })),
        Step::Answer { .. } | Step::Wait { .. } | Step::Gone => return None,
    })
}

/// What the fuzz knows of a connection without looking inside.
#[derive(Default)]
struct Seen {
    now_ms: u64,
    is_closed: bool,
    negotiates: u32,
    establishes: u32,
    disconnects: u32,
    /// Number of the next application message, as a naive count has it; None before Establish.
    next: Option<u64>,
    /// The highest that `next` has been.
    high: Option<u64>,
    asked_next: u64,
    is_finished: bool,
    verifies: bool,
}

fn judge(seen: &mut Seen, said: &ClientMessage, verdict: Verdict) {
    if seen.is_closed {
        assert_eq!(verdict, Verdict::Nothing, "nothing comes of a connection that is over");
        return;
    }
    let is_application = matches!(said, ClientMessage::Application(_));
    match verdict {
        Verdict::Log(command) => match command.parse().expect("a command with a meaning") {
            Body::Negotiate(body) => {
                assert_eq!(body.key_id, 0, "nobody has verified a key");
                seen.negotiates += 1;
            }
            Body::Establish(body) => {
                assert_eq!(body.key_id, 0, "nobody has verified a key");
                seen.establishes += 1;
                seen.asked_next = body.next_seq.0;
            }
            Body::Finish(body) => {
                assert!(Some(body.last_seq.0 + 1) >= seen.high, "nothing lies beyond the last one");
                seen.is_finished = true;
                seen.high = Some(body.last_seq.0 + 1);
            }
            Body::Skip(body) => {
                assert!(!seen.is_finished);
                assert!(command.client_seq < body.until, "a skip skips");
                assert_eq!(Some(command.client_seq.0), seen.high, "what nobody has numbered");
                seen.next = Some(body.until.0);
            }
            _ => {
                assert!(is_application && !seen.is_finished);
                assert_eq!(Some(command.client_seq.0), seen.next, "the place in the flow");
                seen.next = seen.next.map(|next| next + 1);
            }
        },
        Verdict::Nothing => {
            if let ClientMessage::Sequence { next_seq } = said {
                seen.next = Some(next_seq.0);
            }
            assert!(!is_application, "an application message is logged or ends the connection");
        }
        Verdict::Verify(_) => {}
        Verdict::Retransmit(request) => assert_eq!(request.uuid, samples::UUID),
        Verdict::RefuseNegotiate { .. } | Verdict::RefuseEstablish { .. } => {
            assert_eq!(seen.next, None);
        }
        Verdict::Close(_) => seen.is_closed = true,
    }
    seen.high = seen.high.max(seen.next);
    assert!(seen.next.is_none_or(|next| next <= SEQ_MAX.0 + 1));
}

fn answer(acceptor: &mut Acceptor, seen: &mut Seen, is_yes: bool) {
    if !acceptor.is_waiting() {
        return;
    }
    if seen.verifies {
        seen.verifies = false;
        let who = Identity { key_id: 9, role: Role::Trade };
        match acceptor.on_verified(is_yes.then_some(who)) {
            Verdict::Log(command) => match command.parse().expect("a command with a meaning") {
                Body::Negotiate(body) => {
                    assert_eq!(body.key_id, 9);
                    seen.negotiates += 1;
                }
                Body::Establish(body) => {
                    assert_eq!(body.key_id, 9);
                    seen.establishes += 1;
                    seen.asked_next = body.next_seq.0;
                }
                other => panic!("{other:?} needs no key"),
            },
            refusal => assert!(!is_yes, "{refusal:?}"),
        }
        return;
    }
    // The newest request is the one that waits: Establish if it was logged last.
    let waits_to_establish = acceptor.clone().on_gone(END).is_some();
    match (waits_to_establish, is_yes) {
        (true, true) => {
            acceptor.on_established(SessionSlot(1), 100, SeqNo(seen.asked_next), None);
            seen.next = Some(seen.asked_next);
            seen.high = seen.next;
        }
        (true, false) => acceptor.on_establish_refused(),
        (false, is_yes) => acceptor.on_negotiated(is_yes),
    }
}

const END: Close = Close::of(TerminationCode::Finished, DisconnectCause::PeerClosed);

#[test]
fn fuzz_acceptor() {
    let limits = Limits {
        keepalive_min_ms: 100,
        keepalive_max_ms: 60_000,
        establish_timeout_ms: 5_000,
        cod_window_max_ms: 20_000,
        needs_credentials: false,
    };
    check!().with_type::<(bool, Vec<Step>)>().for_each(|(needs_credentials, steps)| {
        let limits = Limits { needs_credentials: *needs_credentials, ..limits };
        let mut acceptor = Acceptor::new(ConnId(1), limits, Nanos(0));
        let mut seen = Seen::default();
        for &step in steps {
            let now = Nanos(seen.now_ms * 1_000_000);
            match step {
                Step::Answer { is_yes } => answer(&mut acceptor, &mut seen, is_yes),
                Step::Wait { ms } => {
                    seen.now_ms += u64::from(ms);
                    let late = acceptor.on_timer(Nanos(seen.now_ms * 1_000_000)).is_some();
                    assert!(!(late && seen.is_closed), "it closes once");
                    seen.is_closed |= late;
                }
                Step::Gone => {
                    seen.disconnects += u32::from(acceptor.on_gone(END).is_some());
                    seen.is_closed = true;
                }
                _ if acceptor.is_waiting() => {}
                _ => {
                    let said =
                        message(step, *needs_credentials).expect("a step that says something");
                    let verdict = acceptor.on_message(now, &said);
                    seen.verifies = matches!(verdict, Verdict::Verify(_));
                    assert!(!seen.verifies || *needs_credentials);
                    judge(&mut seen, &said, verdict);
                }
            }
            assert_eq!(acceptor.is_closing(), seen.is_closed);
        }
        let requests_max = 2 + u32::from(REFUSALS_MAX);
        assert!(seen.negotiates + seen.establishes <= requests_max, "requests are bounded");
        assert!(seen.disconnects <= u32::from(seen.establishes > 0));
        seen.disconnects += u32::from(acceptor.on_gone(END).is_some());
        let is_bound = seen.next.is_some();
        assert!(seen.disconnects == 1 || !is_bound, "a bound session is let go exactly once");
    });
}
