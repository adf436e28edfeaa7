//! A client that does nothing wrong, beside those that do.

use super::{Client, Node, WITHIN, say};
use gavel_wire::server::SequencedBody;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The slowest answer that it puts up with, on a shared machine with an unoptimised node.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(1);

/// Its session.
const SESSION: u32 = 1_000_000;

/// Trades without a pause until it is told to stop.
pub(crate) struct Healthy {
    answers: Receiver<Duration>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Healthy {
    pub(crate) fn start(node: &Node) -> Self {
        let (answered, answers) = channel();
        let stop = Arc::new(AtomicBool::new(false));
        let (address, told) = (node.address, Arc::clone(&stop));
        let thread = std::thread::spawn(move || trade(address, &answered, &told));
        let healthy = Self { answers, stop, thread: Some(thread) };
        healthy.is_served();
        healthy
    }

    /// Waits for answers to orders that it sends from now on.
    pub(crate) fn is_served(&self) {
        for _ in self.answers.try_iter() {}
        for _ in 0..20 {
            self.answers.recv_timeout(WITHIN).expect("the healthy client is answered");
        }
    }

    /// # Panics
    /// If it ever had to wait for long, or its reports had a gap.
    pub(crate) fn stop(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let thread = self.thread.take().unwrap();
        thread.join().expect("the healthy client is content");
    }
}

fn trade(address: SocketAddr, answered: &Sender<Duration>, stop: &AtomicBool) {
    let mut client = Client::begin(address, SESSION);
    let mut number = 1;
    while !stop.load(Ordering::Relaxed) {
        let (name, began) = (number, Instant::now());
        client.send(&say::bid(name));
        let heard = client.hear_report(number);
        assert_eq!(heard.answers(), Some(name));
        client.send(&say::cancel(name + 1, name));
        let heard = client.hear_report(number + 1);
        let SequencedBody::Canceled(body) = heard.report().body else { panic!("{heard:?}") };
        assert_eq!(body.request_cl_ord_id.0, name + 1);
        let took = began.elapsed();
        assert!(took < ANSWER_WITHIN, "an order and its cancel took {took:?}");
        number += 2;
        // Whoever counts may be gone.
        let _ = answered.send(took);
    }
    client.end();
}
