//! A client that says exactly what it is told to say, and hears frames.

use super::{WITHIN, say, uuid};
use gavel_types::{ReportNo, TerminationCode};
use gavel_wire::client::LastReport;
use gavel_wire::frame::split_server;
use gavel_wire::server::{self, Sequenced, SequencedBody, ServerMessage};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// One frame of the node.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Heard(Vec<u8>);

impl Heard {
    pub(crate) fn message(&self) -> ServerMessage<'_> {
        let frame = split_server(&self.0).unwrap().unwrap();
        server::decode(&frame).unwrap()
    }

    /// The report that it is.
    pub(crate) fn report(&self) -> Sequenced<'_> {
        match self.message() {
            ServerMessage::Sequenced(report) => report,
            other => panic!("not a report: {other:?}"),
        }
    }

    pub(crate) fn is_sequence(&self) -> bool {
        matches!(self.message(), ServerMessage::Sequence { .. })
    }

    /// The report without what was stamped when it was sent: equal for the same report.
    pub(crate) fn identity(&self) -> String {
        let Sequenced { number, stamp, body, .. } = self.report();
        format!("{number} {stamp:?} {body:?}")
    }

    /// ClOrdID of an order that this report accepts or rejects.
    pub(crate) fn answers(&self) -> Option<u64> {
        match self.report().body {
            SequencedBody::New(body) => Some(body.order.cl_ord_id.0),
            SequencedBody::Rejected(body) => Some(body.order.cl_ord_id.0),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Heard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.message().fmt(f)
    }
}

/// What an EstablishmentAck said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Acked {
    /// Number of the next report.
    pub(crate) next_number: u64,
    /// Number that is expected of the client.
    pub(crate) expected_seq: u64,
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    pub(crate) session: u32,
    inbox: Vec<u8>,
    at: usize,
}

impl Client {
    /// A connection on which nothing was said yet.
    pub(crate) fn connect(address: SocketAddr, session: u32) -> Self {
        let stream = TcpStream::connect_timeout(&address, WITHIN).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(WITHIN)).unwrap();
        stream.set_write_timeout(Some(WITHIN)).unwrap();
        Self { stream, session, inbox: Vec::new(), at: 0 }
    }

    /// A new session, established, and its connection.
    pub(crate) fn begin(address: SocketAddr, session: u32) -> Self {
        let mut client = Self::connect(address, session);
        client.negotiate();
        let acked = client.establish(1);
        assert_eq!(acked, Acked { next_number: 1, expected_seq: 1 });
        client
    }

    /// The session on a new connection.
    pub(crate) fn resume(address: SocketAddr, session: u32, next_seq: u64) -> (Self, Acked) {
        let mut client = Self::connect(address, session);
        let acked = client.establish(next_seq);
        (client, acked)
    }

    pub(crate) fn negotiate(&mut self) {
        self.send(&say::negotiate(self.session));
        let heard = self.hear();
        let expected = ServerMessage::NegotiationResponse {
            uuid: uuid(self.session),
            timestamp: say::TIMESTAMP,
        };
        assert_eq!(heard.message(), expected);
    }

    pub(crate) fn establish(&mut self, next_seq: u64) -> Acked {
        self.establish_with(super::NO_HURRY_MS, next_seq, LastReport::default())
    }

    pub(crate) fn establish_with(
        &mut self,
        keepalive_ms: u32,
        next: u64,
        last: LastReport,
    ) -> Acked {
        self.send(&say::establish(self.session, keepalive_ms, next, last));
        self.acked(keepalive_ms)
    }

    /// Hears the EstablishmentAck that answers.
    pub(crate) fn acked(&mut self, keepalive_ms: u32) -> Acked {
        let heard = self.hear();
        let ServerMessage::EstablishmentAck(ack) = heard.message() else {
            panic!("not an EstablishmentAck: {heard:?}")
        };
        assert_eq!((ack.uuid, ack.timestamp), (uuid(self.session), say::TIMESTAMP));
        assert_eq!(ack.keepalive_ms, keepalive_ms);
        Acked { next_number: ack.next_number.0, expected_seq: ack.expected_seq.0 }
    }

    /// # Panics
    /// If the node does not take it: use [`Client::try_send`] where it may not.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Says it to a node that may have closed the connection.
    pub(crate) fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// The next frame.
    pub(crate) fn hear(&mut self) -> Heard {
        self.try_hear().expect("the node has more to say before it closes")
    }

    /// The next frame; None at the end of the stream.
    pub(crate) fn try_hear(&mut self) -> Option<Heard> {
        loop {
            let waiting = &self.inbox[self.at..];
            if let Some(frame) = split_server(waiting).expect("the node sends frames") {
                let whole_bytes = frame.whole_bytes;
                let heard = Heard(waiting[..whole_bytes].to_vec());
                self.at += whole_bytes;
                return Some(heard);
            }
            self.inbox.drain(..self.at);
            self.at = 0;
            let mut bytes = [0; 64 << 10];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.inbox.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => panic!("nothing is heard of the node: {error}"),
            }
        }
    }

    /// The next frame that is not a heartbeat.
    pub(crate) fn hear_next(&mut self) -> Heard {
        loop {
            let heard = self.hear();
            if !heard.is_sequence() {
                return heard;
            }
        }
    }

    /// The next report, which must have this number and be sent for the first time.
    pub(crate) fn hear_report(&mut self, number: u64) -> Heard {
        let heard = self.hear_next();
        let report = heard.report();
        assert_eq!((report.number, report.poss_resend), (ReportNo(number), false), "{heard:?}");
        heard
    }

    /// Terminate with this code, then the end of the stream.
    pub(crate) fn hear_the_end(&mut self, code: TerminationCode) {
        let heard = self.hear_next();
        let ServerMessage::Terminate { code: said, .. } = heard.message() else {
            panic!("not a Terminate: {heard:?}")
        };
        assert_eq!(said, code);
        assert_eq!(self.try_hear(), None, "nothing follows Terminate");
    }

    /// Ends the session's connection as the protocol wants it.
    pub(crate) fn end(mut self) {
        self.send(&say::terminate(self.session));
        self.hear_the_end(TerminationCode::Finished);
    }

    /// Asks for reports again and hears them: Retransmission, the reports, Sequence.
    pub(crate) fn hear_again(&mut self, from: u64, count: u64) -> Vec<Heard> {
        self.send(&say::retransmit(self.session, from, count));
        self.hear_retransmission(from, count)
    }

    pub(crate) fn hear_retransmission(&mut self, from: u64, count: u64) -> Vec<Heard> {
        let heard = self.hear_next();
        let expected = ServerMessage::Retransmission {
            uuid: uuid(self.session),
            timestamp: say::TIMESTAMP,
            next: ReportNo(from),
            count,
        };
        assert_eq!(heard.message(), expected);
        let again: Vec<Heard> = (0..count).map(|_| self.hear()).collect();
        for (heard, number) in again.iter().zip(from..) {
            let report = heard.report();
            assert_eq!((report.number, report.poss_resend), (ReportNo(number), true));
        }
        let heard = self.hear();
        assert!(heard.is_sequence(), "Sequence ends a retransmission, and not {heard:?}");
        again
    }
}
