//! A short form of the example `argue`: both books under one flow, and that the flow is broad.

#[path = "../../examples/argue/dice.rs"]
pub(crate) mod dice;
#[path = "../../examples/argue/driver.rs"]
mod driver;
#[path = "../../examples/argue/flow.rs"]
pub(crate) mod flow;
#[path = "../../examples/argue/met.rs"]
mod met;
#[path = "../../examples/argue/orders.rs"]
mod orders;
#[path = "../../examples/argue/shadow.rs"]
mod shadow;
#[path = "../../examples/argue/steering.rs"]
mod steering;

#[test]
fn the_books_agree_and_meet_every_outcome() {
    let mut met = met::Met::default();
    for seed in 1..=40 {
        driver::run(seed, 2_000, &mut met);
    }
    let named = met.named();
    println!("{named:#?}");
    let of = |kind: &str, whys: &str| -> Vec<String> {
        whys.split_whitespace().map(|why| format!("{kind} {why}")).collect()
    };
    let plain = ["New", "Replaced", "Restated", "Triggered", "Status", "MarketData"];
    let mut expected: Vec<String> = plain.map(String::from).into();
    expected.extend(of("Trade", "Y N"));
    expected.extend(of("Status", "UnknownOrder"));
    expected.extend(of("MassAction", "Completed Rejected"));
    expected.extend(of("BusinessReject", "UnknownSymbol ValueIncorrect"));
    expected.extend(of(
        "Canceled",
        "Requested ImmediateOrCancel ReplacedToFilled MassAction CancelOnDisconnect SelfTrade \
         Expired FillOrKill NoLiquidity PriceBand Killed BookFull",
    ));
    expected.extend(of(
        "Rejected",
        "UnknownSymbol ExchangeClosed TooLateToEnter DuplicateOrder \
         UnsupportedOrderCharacteristic IncorrectQuantity PriceExceedsBand InvalidPriceIncrement \
         BookFull NoLiquidity FillOrKill PostOnly MinQty Killed RiskRate RiskQty RiskNotional \
         RiskOpenOrders RiskPosition RiskCollar RiskDuplicate",
    ));
    expected.extend(of(
        "CancelReject",
        "UnknownOrder DuplicateClOrdId InvalidPriceIncrement IncorrectQuantity BookFull Mismatch \
         ExchangeClosed PriceExceedsBand Unsupported PostOnly Killed RiskRate RiskQty \
         RiskNotional RiskPosition RiskCollar",
    ));
    expected.extend(of(
        "Steering",
        "Done UnknownSymbol UnknownSession ValueIncorrect OrdersLive NoRoom",
    ));
    let lacking: Vec<&String> = expected.iter().filter(|name| !named.contains_key(*name)).collect();
    assert!(lacking.is_empty(), "never met: {lacking:?}");
    let strange: Vec<&String> = named.keys().filter(|name| !expected.contains(name)).collect();
    assert!(strange.is_empty(), "met, though nothing gives it: {strange:?}");
    assert!(met.pauses > 20 && met.restores > 10, "{} {}", met.pauses, met.restores);
    assert!(2 * named["New"] > met.asked, "half of the new orders are accepted");
    let requests = named["Replaced"] + named["Canceled Requested"];
    assert!(named["CancelReject UnknownOrder"] * 3 < requests, "most requests name a live order");
}

/// Fresh seeds for as long as is asked for: `cargo xtask fuzz --seconds N books`.
#[test]
fn fuzz_books_agree() {
    let ms = std::env::var("BOLERO_RANDOM_TEST_TIME_MS").ok().and_then(|ms| ms.parse().ok());
    let time = std::time::Duration::from_millis(ms.unwrap_or(500));
    let (started, mut met) = (std::time::Instant::now(), met::Met::default());
    let first = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let first = first.expect("it is later than 1970").as_nanos() as u64;
    for seed in first.. {
        // The seed stands before what it leads to, for whoever reads a failure.
        println!("seed {seed}");
        driver::run(seed, 2_000, &mut met);
        if started.elapsed() >= time {
            break;
        }
    }
    println!("{} commands in {:?}, no disagreement", met.commands, started.elapsed());
}
