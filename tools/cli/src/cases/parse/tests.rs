use super::*;
use gavel_types::{KillAction, TradingPhase};

#[test]
fn a_case_is_read_with_all_that_belongs_to_it() {
    let text = "\
# a comment
case first  more words
src  a/b issue #7
need ioc,stop halt
conv others do otherwise
seed EC
> NEW 20 B 5@100 acct=7   # its own comment
<  T 1 20 5@100
< X 20 1
=  100:5/1   |  -

case second
> HALT on
";
    let cases = parse(text).unwrap();
    assert_eq!(cases.len(), 2);
    let first = &cases[0];
    assert_eq!((first.name.as_str(), first.has_convention), ("first", true));
    assert_eq!(first.needs, ["ioc", "stop", "halt"]);
    assert_eq!(first.steps.len(), SEED_EC.len() + 2);
    let Step::Do { line, text, events, .. } = &first.steps[SEED_EC.len()] else { panic!() };
    assert_eq!((*line, text.as_str()), (7, "NEW 20 B 5@100 acct=7"));
    assert_eq!(events.as_deref().unwrap(), ["T 1 20 5@100", "X 20 1"]);
    let book = Step::Book { line: 10, levels: "100:5/1 | -".to_owned() };
    assert_eq!(first.steps[SEED_EC.len() + 1], book);
    assert!(matches!(&first.steps[0], Step::Do { line: 6, events: None, .. }));
    assert!(!cases[1].has_convention && cases[1].needs.is_empty());
}

#[test]
fn every_command_is_understood() {
    let new = NewCase {
        id: 3,
        side: CaseSide::Sell,
        qty: 10,
        price: Some(100),
        tif: CaseTif::Gtc,
        is_post_only: false,
        is_sliding: false,
        is_all_or_none: false,
        expires: None,
        account: 1,
        stop: None,
        stp: None,
        show: None,
        min: None,
    };
    let (side, qty, budget, account) = (CaseSide::Buy, 180, -5, 1);
    for (text, command) in [
        ("NEW 3 S 10@100", Command::New(new.clone())),
        ("NEW 3 S 10@MKT", Command::New(NewCase { price: None, ..new.clone() })),
        ("NEW 3 S 10@100 IOC", Command::New(NewCase { tif: CaseTif::Ioc, ..new.clone() })),
        (
            "NEW 3 S 10@100 FOK acct=2 stp=newest",
            Command::New(NewCase {
                tif: CaseTif::Fok,
                account: 2,
                stp: Some(CaseStp::Newest),
                ..new.clone()
            }),
        ),
        (
            "NEW 3 S 10@100 POST GTD:7",
            Command::New(NewCase { is_post_only: true, expires: Some(7), ..new.clone() }),
        ),
        ("NEW 3 S 10@100 GTD:0", Command::New(new.clone())),
        ("NEW 3 S 10@100 AON", Command::New(NewCase { is_all_or_none: true, ..new.clone() })),
        (
            "NEW 3 S 10@100 stop=99 show=3",
            Command::New(NewCase { stop: Some(99), show: Some(3), ..new.clone() }),
        ),
        ("NEW 3 S -1@100", Command::New(NewCase { qty: -1, ..new })),
        ("FOKB 8 B 180 budget=-5", Command::Budget { id: 8, side, qty, budget, account }),
        ("CANCEL 4", Command::Cancel { id: 4, account: None }),
        ("CANCEL 4 acct=2", Command::Cancel { id: 4, account: Some(2) }),
        ("REDUCE 4 -1", Command::Reduce { id: 4, by: -1, account: None }),
        ("MOVE 4 90", Command::Move { id: 4, price: 90, account: None }),
        ("REPLACE 4 5@90", Command::Replace { id: 4, qty: 5, price: 90, account: None }),
        ("TIME 4000", Command::Time(4_000)),
        ("HALT off", Command::Steer(Steering::Halt(false))),
        ("BAND 90 -", band(Some(90), None, false)),
    ] {
        assert_eq!(text.parse::<Command>().unwrap(), command, "{text}");
    }
}

fn band(low: Option<i64>, dynamic: Option<i64>, halts: bool) -> Command {
    Command::Steer(Steering::Band { low, high: None, dynamic, halts })
}

#[test]
fn our_own_commands_are_understood() {
    let new = |text: &str| match text.parse().unwrap() {
        Command::New(new) => new,
        other => panic!("{other:?}"),
    };
    let order = new("NEW 3 S 10@100 DAY SLIDE min=4 stp=decrement");
    assert_eq!((order.tif, order.is_sliding, order.min), (CaseTif::Day, true, Some(4)));
    assert_eq!(order.stp, Some(CaseStp::Decrement));
    let amend = AmendCase {
        id: 3,
        total: 10,
        price: None,
        stop: Some(99),
        tif: Some(CaseTif::Ioc),
        is_requeued: true,
        account: Some(2),
    };
    let phase = |phase, reference| Command::Steer(Steering::Phase { phase, reference });
    let symbol = SymbolCase { tick: Some(5), most: Some(9), ..SymbolCase::default() };
    let limits = Limits { rate: (2, 5), orders: 1, ..Limits::default() };
    let kill = |whom, action| Command::Steer(Steering::Kill(whom, action));
    let side = Some(CaseSide::Sell);
    for (text, command) in [
        ("AMEND 3 10@MKT REQUEUE IOC stop=99 acct=2", Command::Amend(amend)),
        ("BAND 90 - HALT dynamic=3", band(Some(90), Some(3), true)),
        ("PHASE opening ref=7", phase(TradingPhase::OpeningAuction, Some(7))),
        ("PHASE closed", phase(TradingPhase::Closed, None)),
        ("SYMBOL tick=5 most=9", Command::Steer(Steering::Symbol(symbol))),
        (
            "RISK acct=2 SESSION rate=2/5 orders=1",
            Command::Steer(Steering::Risk(Party::SessionOf(2), limits)),
        ),
        ("KILL suspend acct=2", kill(Killing::Party(Party::Account(2)), KillAction::Suspend)),
        ("KILL halt SYMBOL", kill(Killing::Symbol, KillAction::HaltTrading)),
        ("KILL reinstate", kill(Killing::Venue, KillAction::Reinstate)),
        ("MASS acct=2", Command::Steer(Steering::Mass { account: 2, side: None })),
        ("MASS S acct=2", Command::Steer(Steering::Mass { account: 2, side })),
    ] {
        assert_eq!(text.parse::<Command>().unwrap(), command, "{text}");
    }
}

#[test]
fn what_is_not_understood_is_refused_with_its_line() {
    for (text, line, said) in [
        ("> NEW 1 B 1@1", 1, "before the first case"),
        ("case", 1, "without a name"),
        ("case a\nseed XX", 2, "only seed is EC"),
        ("case a\n< X 1 1", 2, "no command comes before"),
        ("case a\nseed EC\n< X 1 1", 3, "no command comes before"),
        ("case a\n> HALT on\n= - | -\n< X 1 1", 4, "no command comes before"),
        ("case a\nwant x", 2, "begins with \"want\""),
        ("case a\n> FLY 1", 2, "no command \"FLY\""),
        ("case a\n> NEW x B 1@1", 2, "an id is not \"x\""),
        ("case a\n> NEW 1 C 1@1", 2, "a side is B or S"),
        ("case a\n> NEW 1 B 1", 2, "has an @"),
        ("case a\n> NEW 1 B 1@1 LATE", 2, "an order is not \"LATE\""),
        ("case a\n> NEW 1 B 1@1 IOC FOK", 2, "a second time in force, \"FOK\""),
        ("case a\n> NEW 1 B 1@1 acct=1 acct=2", 2, "\"acct\" is not understood"),
        ("case a\nneed ioc\n\ncase b\n> HALT on", 1, "case a asks for nothing"),
        ("case a\n> HALT on\n<", 3, "nothing is expected behind \"<\""),
        ("case a\n> HALT on\n= # none", 3, "nothing is expected behind \"=\""),
        ("case a\nneed ioc\n> FLY 1\n> HALT on", 3, "no command \"FLY\""),
        ("case a\n> FLY 1\n\ncase b\nneed warp\n> WARP 1", 2, "no command \"FLY\""),
        ("case a\n> PHASE night", 2, "a phase is preopen"),
        ("case a\n> SYMBOL", 2, "nothing of the symbol is said"),
        ("case a\n> RISK qty=1", 2, "acct= is missing"),
        ("case a\n> RISK acct=1 rate=5", 2, "rate= is n/burst"),
        ("case a\n> KILL", 2, "an action is missing"),
        ("case a\n> KILL halt SESSION", 2, "SESSION is of an account"),
        ("case a\n> MASS B", 2, "acct= is missing"),
        ("case a\n> AMEND 1 5@5 GTD:5", 2, "an order is not \"GTD:5\""),
        ("case a\n> NEW 1 B 1@1 stp=all", 2, "stp= has no value \"all\""),
        ("case a\n> NEW 1 B 1@1 colour=2", 2, "\"colour\" is not understood"),
        ("case a\n> CANCEL 1 2", 2, "\"2\" is not understood"),
        ("case a\n> REPLACE 1 5@MKT", 2, "a replace is at a price"),
        ("case a\n> FOKB 1 B 5", 2, "budget= is missing"),
        ("case a\n> HALT", 2, "on or off is missing"),
        ("case a\n> NEW 1 B 9223372036854775808@1", 2, "a quantity is not"),
    ] {
        let (found, error) = parse(text).unwrap_err();
        assert_eq!(found, line, "{text}");
        assert!(format!("{error:#}").contains(said), "{text}: {error:#}");
    }
}
