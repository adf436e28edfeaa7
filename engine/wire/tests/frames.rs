//! Frames cut anywhere, joined, and spoilt; blocks shorter and longer than ours.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

mod samples;

use gavel_types::{BusinessRejectReason, NewOrder, Price, RejectedMessage, ReplaceOrder};
use gavel_wire::client::{self, Application, ClientMessage, DecodeFault};
use gavel_wire::frame::{
    Frame, FrameFault, MAX_CLIENT_FRAME_BYTES, PREAMBLE_BYTES, SCHEMA_VERSION, split, split_server,
};
use gavel_wire::layout::TEMPLATES;
use gavel_wire::server::{self, MAX_SERVER_FRAME_BYTES};

const NEWER: u16 = SCHEMA_VERSION + 1;

type Split = fn(&[u8]) -> Result<Option<Frame<'_>>, FrameFault>;

#[test]
fn a_frame_is_whole_at_its_last_byte_and_not_before() {
    let sides: [(Split, _); 2] =
        [(split, samples::client_frames()), (split_server, samples::server_frames())];
    for (split, frames) in sides {
        for (name, bytes) in &frames {
            for cut in 0..bytes.len() {
                assert_eq!(split(&bytes[..cut]), Ok(None), "{name} cut at {cut}");
            }
            let alone = split(bytes).unwrap().unwrap();
            assert_eq!(alone.whole_bytes, bytes.len());
            let mut followed = bytes.clone();
            followed.extend([0xFF; 7]);
            assert_eq!(split(&followed), Ok(Some(alone)), "{name} with garbage behind it");
        }
    }
}

#[test]
fn a_stream_of_frames_arrives_in_pieces_of_any_size() {
    let frames = samples::client_frames();
    let stream: Vec<u8> = frames.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    for piece in 1..stream.len() {
        let (mut buffer, mut seen) = (Vec::new(), Vec::new());
        for bytes in stream.chunks(piece) {
            buffer.extend_from_slice(bytes);
            while let Some(frame) = split(&buffer).unwrap() {
                let whole_bytes = frame.whole_bytes;
                seen.push(buffer.drain(..whole_bytes).collect::<Vec<_>>());
            }
        }
        assert!(buffer.is_empty());
        assert!(seen.iter().eq(frames.iter().map(|(_, bytes)| bytes)), "pieces of {piece}");
    }
}

/// The fault, and how many bytes it takes to show it.
#[track_caller]
fn assert_fault(bytes: &[u8], shown_by: usize, fault: FrameFault) {
    for cut in 0..=bytes.len() {
        let expected = if cut < shown_by { Ok(None) } else { Err(fault) };
        assert_eq!(split(&bytes[..cut]), expected, "cut at {cut}");
    }
}

#[test]
fn faults_show_as_soon_as_they_can() {
    let (_, good) = &samples::client_frames()[0];
    let spoilt = |at: usize, with: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + with.len()].copy_from_slice(with);
        bytes
    };
    for length in [0, 13, MAX_CLIENT_FRAME_BYTES as u32 + 1, u32::MAX] {
        let bytes = spoilt(0, &length.to_be_bytes());
        assert_fault(&bytes, 4, FrameFault::Length { bytes: length });
    }
    assert_fault(&spoilt(4, &[0x50, 0xEB]), 6, FrameFault::Encoding { found: 0x50EB });
    assert_fault(&spoilt(10, &[1, 0]), PREAMBLE_BYTES, FrameFault::Schema { found: 1 });
    let block_bytes = (good.len() - PREAMBLE_BYTES) as u16 + 1;
    let bytes = spoilt(6, &block_bytes.to_le_bytes());
    assert_fault(&bytes, PREAMBLE_BYTES, FrameFault::Block { template: 1, block_bytes });
}

#[test]
fn each_side_has_its_own_longest_frame() {
    let header = |length: usize| (length as u32).to_be_bytes();
    assert_eq!(split(&header(MAX_CLIENT_FRAME_BYTES)), Ok(None));
    assert!(split(&header(MAX_CLIENT_FRAME_BYTES + 1)).is_err());
    assert_eq!(split_server(&header(MAX_SERVER_FRAME_BYTES)), Ok(None));
    assert!(split_server(&header(MAX_SERVER_FRAME_BYTES + 1)).is_err());
    for (name, bytes) in samples::client_frames() {
        assert!(2 * bytes.len() <= MAX_CLIENT_FRAME_BYTES, "{name} leaves room to grow");
    }
}

/// The frame with its block cut or padded to another length, by a sender of `version`.
fn resized(frame: &[u8], block_bytes: usize, version: u16) -> Vec<u8> {
    let old_bytes = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
    let mut block = frame[PREAMBLE_BYTES..PREAMBLE_BYTES + old_bytes].to_vec();
    block.resize(block_bytes, 0xC3);
    let mut bytes = frame[..PREAMBLE_BYTES].to_vec();
    bytes[6..8].copy_from_slice(&(block_bytes as u16).to_le_bytes());
    bytes[12..14].copy_from_slice(&version.to_le_bytes());
    bytes.extend(block);
    bytes.extend(&frame[PREAMBLE_BYTES + old_bytes..]);
    let length = bytes.len() as u32;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    bytes
}

fn decode_client(bytes: &[u8]) -> Result<ClientMessage, DecodeFault> {
    client::decode(&split(bytes).unwrap().unwrap())
}

fn is_refused(message: &ClientMessage) -> bool {
    matches!(message, ClientMessage::Application(Application::Refused(_)))
}

fn reason_of(message: ClientMessage) -> BusinessRejectReason {
    match message {
        ClientMessage::Application(Application::Refused(refused)) => refused.reason,
        other => panic!("{other:?} is not a refusal"),
    }
}

#[test]
fn a_newer_client_may_say_more_and_an_equal_one_may_not() {
    for (name, message) in samples::client_messages() {
        let frame = samples::client_frame(&message, samples::NOTE_TIME).unwrap();
        let block_bytes = frame.len() - PREAMBLE_BYTES;
        let newer = resized(&frame, block_bytes + 5, NEWER);
        assert_eq!(decode_client(&newer), Ok(message), "{name}");
        let equal = resized(&frame, block_bytes + 5, SCHEMA_VERSION);
        let mut grouped = frame.clone();
        grouped.push(0);
        grouped[3] += 1;
        for odd in [equal, grouped] {
            match (decode_client(&odd), message) {
                (Ok(refused), ClientMessage::Application(_)) => {
                    assert_eq!(reason_of(refused), BusinessRejectReason::Other, "{name}");
                }
                (outcome, _) => {
                    let template = u16::from_le_bytes([frame[8], frame[9]]);
                    assert_eq!(outcome, Err(DecodeFault::Size { template }), "{name}");
                }
            }
        }
    }
}

#[test]
fn a_block_that_is_too_short_is_refused_whatever_the_version() {
    for (name, message) in samples::client_messages() {
        let frame = samples::client_frame(&message, samples::NOTE_TIME).unwrap();
        for block_bytes in 0..frame.len() - PREAMBLE_BYTES {
            for version in [SCHEMA_VERSION, NEWER] {
                let outcome = decode_client(&resized(&frame, block_bytes, version));
                match message {
                    ClientMessage::Application(_) => {
                        let missing = BusinessRejectReason::ConditionallyRequiredFieldMissing;
                        assert_eq!(reason_of(outcome.unwrap()), missing, "{name}");
                    }
                    _ => assert!(matches!(outcome, Err(DecodeFault::Size { .. })), "{name}"),
                }
            }
        }
    }
}

/// What a sender of version 0 sends has the length that the template had then, whatever it has now.
#[test]
fn a_block_of_version_0_has_the_length_of_version_0() {
    use BusinessRejectReason::{ConditionallyRequiredFieldMissing as Missing, Other};
    for (name, message) in samples::client_messages() {
        let frame = samples::client_frame(&message, samples::NOTE_TIME).unwrap();
        let template = u16::from_le_bytes([frame[8], frame[9]]);
        let layout = TEMPLATES.iter().find(|layout| layout.id == template).unwrap();
        for block_bytes in 0..layout.block_bytes + 3 {
            let outcome = decode_client(&resized(&frame, block_bytes, 0));
            let is_application = matches!(message, ClientMessage::Application(_));
            let short = match block_bytes.cmp(&layout.first_bytes) {
                std::cmp::Ordering::Less => Some(Missing),
                std::cmp::Ordering::Equal => None,
                std::cmp::Ordering::Greater => Some(Other),
            };
            match short {
                Some(reason) if is_application => {
                    assert_eq!(reason_of(outcome.unwrap()), reason, "{name}: {block_bytes}");
                }
                Some(_) => assert_eq!(outcome, Err(DecodeFault::Size { template }), "{name}"),
                None => assert!(outcome.is_ok_and(|message| !is_refused(&message)), "{name}"),
            }
        }
    }
}

#[test]
fn what_version_0_does_not_say_is_absent() {
    let order = Application::NewOrder(samples::budget_order());
    let frame = samples::client_frame(&ClientMessage::Application(order), samples::NOTE_TIME);
    let older = resized(&frame.unwrap(), 85, 0);
    let expected = NewOrder { budget: 0, ..samples::budget_order() };
    let expected = ClientMessage::Application(Application::NewOrder(expected));
    assert_eq!(decode_client(&older), Ok(expected));

    let replace = Application::Replace(samples::replace_of_stop());
    let frame = samples::client_frame(&ClientMessage::Application(replace), samples::NOTE_TIME);
    let older = resized(&frame.unwrap(), 46, 0);
    let expected = ReplaceOrder { exec_inst: 0, stop_px: Price(0), ..samples::replace_of_stop() };
    let expected = ClientMessage::Application(Application::Replace(expected));
    assert_eq!(decode_client(&older), Ok(expected));
}

#[test]
fn a_newer_server_may_say_more_in_blocks_and_entries() {
    for (name, frame) in samples::server_frames() {
        let block_bytes = usize::from(u16::from_le_bytes([frame[6], frame[7]]));
        let newer = resized(&frame, block_bytes + 3, NEWER);
        assert_eq!(samples::decode_server(&newer), samples::decode_server(&frame), "{name}");
        let equal = resized(&frame, block_bytes + 3, SCHEMA_VERSION);
        let frame = split_server(&equal).unwrap().unwrap();
        assert!(matches!(server::decode(&frame), Err(DecodeFault::Size { .. })), "{name}");
    }
}

#[test]
fn a_servers_frame_with_a_spoilt_group_is_a_fault() {
    let frames = samples::server_frames();
    let (_, frame) = frames.iter().find(|(name, _)| name.starts_with("120")).unwrap();
    let group = PREAMBLE_BYTES + usize::from(u16::from_le_bytes([frame[6], frame[7]]));
    // Entry length, count of bids, count of asks, nothing after the bids.
    let asks = group + 4 + 3 * 16;
    for (at, value) in
        [(group, 15), (group, 17), (group + 2, 65), (group + 2, 4), (asks + 2, 3), (asks + 2, 1)]
    {
        let mut bytes = frame.clone();
        bytes[at] = value;
        let frame = split_server(&bytes).unwrap().unwrap();
        let fault = Err(DecodeFault::Size { template: 120 });
        assert_eq!(server::decode(&frame), fault, "{value} at {at}");
    }
}

/// A market data frame laid by hand: `entry_bytes` an entry, level i of a side being (i, i).
fn market_data(version: u16, entry_bytes: u16, (bids, asks): (u16, u16)) -> Vec<u8> {
    let (_, sample) =
        samples::server_frames().into_iter().find(|(name, _)| name.starts_with("120")).unwrap();
    let block_bytes = usize::from(u16::from_le_bytes([sample[6], sample[7]]));
    let mut frame = sample[..PREAMBLE_BYTES + block_bytes].to_vec();
    frame[12..14].copy_from_slice(&version.to_le_bytes());
    for entries in [bids, asks] {
        frame.extend(entry_bytes.to_le_bytes());
        frame.extend(entries.to_le_bytes());
        for i in 0..u64::from(entries) {
            frame.extend(i.to_le_bytes());
            frame.extend(i.to_le_bytes());
            frame.extend((16..entry_bytes).map(|_| 0xC3));
        }
    }
    let length = frame.len() as u32;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

#[test]
fn a_side_has_at_most_64_levels_however_short_the_other() {
    let full = market_data(SCHEMA_VERSION, 16, (64, 64));
    assert!(server::decode(&split_server(&full).unwrap().unwrap()).is_ok());
    for sides in [(65, 63), (63, 65), (0, 65)] {
        let frame = market_data(SCHEMA_VERSION, 16, sides);
        let outcome = server::decode(&split_server(&frame).unwrap().unwrap());
        assert_eq!(outcome, Err(DecodeFault::Size { template: 120 }), "{sides:?}");
    }
}

#[test]
fn entries_of_a_newer_server_are_read_by_their_own_length() {
    let frame = market_data(NEWER, 21, (3, 2));
    let server::ServerMessage::Sequenced(message) = samples::decode_server(&frame) else {
        panic!("market data is sequenced");
    };
    let server::SequencedBody::MarketData(book) = message.body else { panic!("a book") };
    let level = |n: u64| samples::level(n as i64, n);
    assert!(book.bids.iter().eq((0..3).map(level)));
    assert!(book.asks.iter().eq((0..2).map(level)));
    assert_eq!((book.bids.iter().len(), book.asks.iter().len()), (3, 2));
}

/// What becomes of a good order (or request) when one field of it is changed.
#[track_caller]
fn assert_refused(
    message: ClientMessage,
    (at, with): (usize, &[u8]),
    (reason, ref_tag): (BusinessRejectReason, u32),
) {
    let mut bytes = samples::client_frame(&message, samples::NOTE_TIME).unwrap();
    let at = PREAMBLE_BYTES + at;
    bytes[at..at + with.len()].copy_from_slice(with);
    let name = u64::from_le_bytes(bytes[PREAMBLE_BYTES..][..8].try_into().unwrap());
    let ref_template = u16::from_le_bytes([bytes[8], bytes[9]]);
    let expected = RejectedMessage { ref_template, reason, reserved: 0, ref_tag, ref_id: name };
    let expected = ClientMessage::Application(Application::Refused(expected));
    assert_eq!(decode_client(&bytes), Ok(expected), "tag {ref_tag}");
}

#[test]
fn nothing_that_an_order_asks_for_is_left_out_in_silence() {
    use BusinessRejectReason::{
        ConditionallyRequiredFieldMissing as Missing, ValueIncorrect as Bad,
    };
    let limit = ClientMessage::Application(Application::NewOrder(samples::new_order()));
    let market = ClientMessage::Application(Application::NewOrder(samples::market_order()));
    let one = &1_u64.to_le_bytes()[..];
    let null = &[0xFF; 8][..];
    let no_price = &Price::NULL.0.to_le_bytes()[..];
    for ((at, with), answer) in [
        ((0, &[0; 8][..]), (Missing, 11)),
        ((0, null), (Missing, 11)),
        ((8, &null[..4]), (Missing, 48)),
        ((12, &[0][..]), (Missing, 54)),
        ((12, b"5"), (Bad, 54)),
        ((13, &[0]), (Missing, 40)),
        ((13, b"5"), (Bad, 40)),
        ((13, b"3"), (Bad, 44)),     // a Stop, and yet a price
        ((13, b"4"), (Missing, 99)), // a StopLimit without StopPx
        ((14, &[0]), (Missing, 59)),
        ((14, b"2"), (Bad, 59)),
        ((16, no_price), (Missing, 44)),
        ((24, null), (Missing, 38)),
        ((76, &[6]), (Bad, 2964)),
    ] {
        assert_refused(limit, (at, with), answer);
    }
    assert_refused(market, (16, one), (Bad, 44));
    assert_refused(market, (13, b"3"), (Missing, 99));
    let stop = ClientMessage::Application(Application::NewOrder(samples::stop_limit_order()));
    assert_refused(stop, (16, no_price), (Missing, 44));
    assert_refused(stop, (32, no_price), (Missing, 99));
}

#[test]
fn nothing_that_a_request_asks_for_is_left_out_in_silence() {
    use BusinessRejectReason::{
        ConditionallyRequiredFieldMissing as Missing, ValueIncorrect as Bad,
    };
    let zero = &[0; 8][..];
    let null = &[0xFF; 8][..];
    let cancel = ClientMessage::Application(Application::Cancel(samples::cancel()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 11)),
        ((8, zero), (Missing, 41)),
        ((8, null), (Missing, 41)),
        ((24, &null[..4]), (Missing, 48)),
        ((28, b"0"), (Bad, 54)),
    ] {
        assert_refused(cancel, (at, with), answer);
    }
    let replace = ClientMessage::Application(Application::Replace(samples::replace()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 11)),
        ((32, null), (Missing, 38)),
        ((40, &null[..4]), (Missing, 48)),
        ((44, b"0"), (Bad, 54)),
        ((45, b"2"), (Bad, 59)),
        ((47, zero), (Bad, 99)), // 0 is how a command says that there is none
    ] {
        assert_refused(replace, (at, with), answer);
    }
    let reduce = ClientMessage::Application(Application::Reduce(samples::reduce()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 11)),
        ((8, zero), (Missing, 41)),
        ((24, null), (Missing, 20041)),
        ((32, &null[..4]), (Missing, 48)),
        ((36, b"0"), (Bad, 54)),
    ] {
        assert_refused(reduce, (at, with), answer);
    }
    let query = ClientMessage::Application(Application::MarketData(samples::market_data_query()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 262)),
        ((8, &null[..4]), (Missing, 48)),
        ((12, &[0]), (Bad, 264)),
        ((12, &[65]), (Bad, 264)),
    ] {
        assert_refused(query, (at, with), answer);
    }
}

#[test]
fn nothing_that_a_mass_action_or_a_status_asks_for_is_left_out_in_silence() {
    use BusinessRejectReason::{
        ConditionallyRequiredFieldMissing as Missing, ValueIncorrect as Bad,
    };
    let (zero, null) = (&[0; 8][..], &[0xFF; 8][..]);
    let mass = ClientMessage::Application(Application::MassAction(samples::mass_action()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 11)),
        ((8, &[1][..]), (Bad, 1373)),
        ((9, &[2]), (Bad, 1374)),
        ((9, &[7]), (Bad, 48)), // all orders, and yet a symbol
        ((10, &null[..4]), (Missing, 48)),
        ((18, b"3"), (Bad, 54)),
    ] {
        assert_refused(mass, (at, with), answer);
    }
    let status = ClientMessage::Application(Application::OrderStatus(samples::order_status()));
    for ((at, with), answer) in [
        ((0, zero), (Missing, 11)),
        ((0, null), (Missing, 11)),
        ((16, &null[..4]), (Missing, 48)),
        ((20, &[0][..]), (Missing, 54)),
    ] {
        assert_refused(status, (at, with), answer);
    }
}

#[test]
fn nothing_that_steers_the_venue_is_left_out_in_silence() {
    use BusinessRejectReason::{
        ConditionallyRequiredFieldMissing as Missing, ValueIncorrect as Bad,
    };
    let (zero, null) = (&[0; 8][..], &[0xFF; 8][..]);
    let no_price = &Price::NULL.0.to_le_bytes()[..];
    let define = Application::DefineSymbol(samples::define_symbol());
    let phase = Application::SetPhase(samples::set_phase());
    let bands = Application::SetBands(samples::set_bands());
    let risk = Application::SetRisk(samples::set_risk());
    let kill = Application::Kill(samples::kill());
    for (message, (at, with), answer) in [
        (define, (0, zero), (Missing, 320)),
        (define, (8, &null[..4]), (Missing, 48)),
        (define, (12, no_price), (Missing, 1208)),
        (define, (20, no_price), (Missing, 1206)),
        (define, (28, no_price), (Missing, 1207)),
        (define, (36, null), (Missing, 561)),
        (define, (44, null), (Missing, 1140)),
        (define, (52, no_price), (Missing, 20043)),
        (define, (61, &[6]), (Bad, 2964)),
        (phase, (0, null), (Missing, 324)),
        (phase, (8, &null[..4]), (Missing, 48)),
        (phase, (12, &[1]), (Bad, 326)),
        (bands, (0, zero), (Missing, 20044)),
        (bands, (12, no_price), (Missing, 1148)),
        (bands, (28, no_price), (Missing, 20045)),
        (bands, (36, &[2]), (Bad, 20046)),
        (risk, (0, zero), (Missing, 1666)),
        (risk, (8, &[0]), (Bad, 20047)),
        (risk, (37, no_price), (Missing, 20052)),
        (kill, (0, zero), (Missing, 2328)),
        (kill, (8, &[4]), (Bad, 20057)),
        (kill, (9, &[3]), (Bad, 2329)),
    ] {
        assert_refused(ClientMessage::Application(message), (at, with), answer);
    }
}

#[test]
fn templates_of_nobody_and_of_the_other_side() {
    let (_, mut frame) = samples::client_frames().remove(0);
    for template in 0..=u16::MAX {
        frame[8..10].copy_from_slice(&template.to_le_bytes());
        match (template, decode_client(&frame)) {
            // The block is Negotiate's: too short for Establish, too long for the others.
            (1, outcome) => assert!(outcome.is_ok()),
            (5 | 8 | 10 | 11 | 14 | 15, outcome) => {
                assert_eq!(outcome, Err(DecodeFault::Size { template }));
            }
            (0..100, outcome) => assert_eq!(outcome, Err(DecodeFault::Template { template })),
            (100..=106 | 130..=134, outcome) => {
                assert_eq!(reason_of(outcome.unwrap()), BusinessRejectReason::Other);
            }
            (_, outcome) => {
                let expected = RejectedMessage {
                    ref_template: template,
                    reason: BusinessRejectReason::UnsupportedMessageType,
                    reserved: 0,
                    ref_tag: 0,
                    ref_id: 0,
                };
                let expected = Application::Refused(expected);
                assert_eq!(outcome, Ok(ClientMessage::Application(expected)));
            }
        }
    }
}
