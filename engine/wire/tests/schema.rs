//! The schema that foreign clients generate from, against the structs: every offset, every length,
//! every value of every enumeration.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use gavel_types::*;
use gavel_wire::frame::{SCHEMA_ID, SCHEMA_VERSION};
use gavel_wire::layout::{Field, TEMPLATES};
use roxmltree::{Document, Node, ParsingOptions};
use std::collections::BTreeMap;

const SCHEMA: &str = include_str!("../schema/gavel.xml");

fn schema() -> Document<'static> {
    Document::parse_with_options(SCHEMA, ParsingOptions::default()).expect("the schema is XML")
}

fn number<T: std::str::FromStr>(node: Node<'_, '_>, name: &str) -> T {
    let text = node.attribute(name).unwrap_or_else(|| panic!("{node:?} has no {name}"));
    text.parse().unwrap_or_else(|_| panic!("{name}={text} of {node:?} is no number"))
}

fn elements<'a, 'i>(node: Node<'a, 'i>, tag: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == tag)
}

fn primitive_bytes(name: &str) -> Option<usize> {
    Some(match name {
        "char" | "uint8" | "int8" => 1,
        "uint16" => 2,
        "uint32" => 4,
        "uint64" | "int64" => 8,
        _ => return None,
    })
}

/// Bytes of every type of the schema.
fn type_bytes(doc: &Document<'_>) -> BTreeMap<String, usize> {
    let mut sizes = BTreeMap::new();
    for types in elements(doc.root_element(), "types") {
        for node in types.children().filter(Node::is_element) {
            let bytes = match node.tag_name().name() {
                "composite" => elements(node, "type")
                    .filter(|part| part.attribute("presence") != Some("constant"))
                    .map(|part| primitive_bytes(part.attribute("primitiveType").unwrap()).unwrap())
                    .sum(),
                "type" => primitive_bytes(node.attribute("primitiveType").unwrap()).unwrap(),
                "enum" => primitive_bytes(node.attribute("encodingType").unwrap()).unwrap(),
                other => panic!("{other} is not used by this schema"),
            };
            assert!(node.attribute("characterEncoding").is_none());
            let name = node.attribute("name").unwrap().to_owned();
            assert!(sizes.insert(name, bytes).is_none(), "a type is defined once");
        }
    }
    sizes
}

/// (name, offset, bytes) of every field, those of shared blocks in place.
fn flatten(fields: &[Field], base: usize, into: &mut Vec<(String, usize, usize)>) {
    for field in fields {
        if field.inner.is_empty() {
            into.push((field.name.replace('_', ""), base + field.offset_bytes, field.bytes));
        } else {
            flatten(field.inner, base + field.offset_bytes, into);
        }
    }
}

fn fields_match(doc: &Document<'_>, node: Node<'_, '_>, fields: &[Field], block_bytes: usize) {
    let sizes = type_bytes(doc);
    let mut ours = Vec::new();
    flatten(fields, 0, &mut ours);
    let theirs: Vec<_> = elements(node, "field")
        .map(|field| {
            let ty = field.attribute("type").unwrap();
            let bytes =
                primitive_bytes(ty).or_else(|| sizes.get(ty).copied()).expect("a known type");
            let name = field.attribute("name").unwrap().to_lowercase();
            (name, number::<usize>(field, "offset"), bytes)
        })
        .collect();
    assert_eq!(ours, theirs, "{node:?}");
    assert_eq!(number::<usize>(node, "blockLength"), block_bytes, "{node:?}");
    // Contiguous: foreign encoders that know no offsets lay fields one behind the other.
    let mut end = 0;
    for (name, offset, bytes) in theirs {
        assert_eq!(offset, end, "{name} of {node:?} leaves no gap");
        end += bytes;
    }
    assert_eq!(end, block_bytes);
}

#[test]
fn every_template_has_the_layout_of_its_struct() {
    let doc = schema();
    let messages: Vec<_> = elements(doc.root_element(), "message").collect();
    assert_eq!(messages.len(), TEMPLATES.len());
    for (node, layout) in messages.into_iter().zip(TEMPLATES) {
        assert_eq!(node.attribute("name"), Some(layout.name));
        assert_eq!(number::<u16>(node, "id"), layout.id);
        fields_match(&doc, node, layout.fields, layout.block_bytes);
        let groups: Vec<_> = elements(node, "group").collect();
        assert_eq!(groups.len(), layout.groups.len(), "{}", layout.name);
        for (group, ours) in groups.into_iter().zip(layout.groups) {
            assert_eq!(group.attribute("name"), Some(ours.name));
            assert_eq!(group.attribute("dimensionType"), Some("groupSizeEncoding"));
            fields_match(&doc, group, ours.fields, ours.entry_bytes);
        }
        assert_eq!(elements(node, "data").count(), 0, "no data of variable length");
    }
}

fn since(node: Node<'_, '_>) -> u16 {
    node.attribute("sinceVersion").map_or(0, |version| version.parse().unwrap())
}

/// Whoever generates from the schema learns from sinceVersion which blocks of older senders are
/// shorter, and by what.
#[test]
fn messages_grow_at_their_end_and_say_when() {
    let doc = schema();
    let mut grown = Vec::new();
    for (node, layout) in elements(doc.root_element(), "message").zip(TEMPLATES) {
        assert!(since(node) <= SCHEMA_VERSION, "{}", layout.name);
        let versions: Vec<u16> = elements(node, "field").map(since).collect();
        assert!(versions.is_sorted(), "{} grows at its end", layout.name);
        let added = elements(node, "field").find(|field| since(*field) > 0);
        let first_bytes = added.map_or(layout.block_bytes, |field| number(field, "offset"));
        assert_eq!(first_bytes, layout.first_bytes, "{}", layout.name);
        assert!(added.is_none() || since(node) == 0, "a new message is new as a whole");
        grown.extend(added.map(|_| layout.name));
        // The ids that version 0 had.
        let is_old = layout.id <= 105 || (110..=121).contains(&layout.id);
        assert_eq!(since(node) == 0, is_old, "{}", layout.name);
    }
    assert_eq!(grown, ["NewOrderSingle", "OrderCancelReplaceRequest"]);
}

#[test]
fn ids_are_unique_where_they_must_be() {
    let doc = schema();
    assert!(TEMPLATES.windows(2).all(|pair| pair[0].id < pair[1].id), "templates ascend");
    for message in elements(doc.root_element(), "message") {
        let mut ids: Vec<u16> = message
            .descendants()
            .filter(|node| matches!(node.tag_name().name(), "field" | "group"))
            .filter(|node| node.parent() == Some(message))
            .map(|node| number(node, "id"))
            .collect();
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), count, "a field id occurs once in {message:?}");
    }
    // One name has one id in the whole schema, but for Code: its enumeration is the message's.
    let mut names: BTreeMap<&str, u16> = BTreeMap::new();
    for field in doc.descendants().filter(|node| node.tag_name().name() == "field") {
        let name = field.attribute("name").unwrap();
        let id = number(field, "id");
        assert!(name == "Code" || *names.entry(name).or_insert(id) == id, "{name} has one id");
    }
}

#[test]
fn the_schema_names_itself() {
    let doc = schema();
    let root = doc.root_element();
    assert_eq!(number::<u16>(root, "id"), SCHEMA_ID);
    assert_eq!(number::<u16>(root, "schemaId"), SCHEMA_ID);
    assert_eq!(number::<u16>(root, "version"), SCHEMA_VERSION);
    assert_eq!(root.attribute("byteOrder"), Some("littleEndian"));
    let exponents: Vec<_> = doc
        .descendants()
        .filter(|node| node.attribute("name") == Some("exponent"))
        .map(|node| node.text().unwrap().parse::<i8>().unwrap())
        .collect();
    assert_eq!(exponents, [-9, -9]);
    let null = doc
        .descendants()
        .find_map(|node| {
            node.attribute("nullValue").filter(|_| node.attribute("name") == Some("mantissa"))
        })
        .unwrap();
    assert_eq!(null.parse(), Ok(Price::NULL.0));
}

fn named<T: Copy + std::fmt::Debug>(all: &[T], code: fn(T) -> u8) -> Vec<(String, u8)> {
    all.iter().map(|&value| (format!("{value:?}"), code(value))).collect()
}

/// Names and codes of our enumerations, by the schema's names.
macro_rules! values {
    ($($schema:literal = $ty:ty),+ $(,)?) => {
        [$(($schema, named(<$ty>::ALL, <$ty>::code))),+]
    };
}

#[test]
fn every_enumeration_has_the_values_of_ours() {
    let mut ours: BTreeMap<&str, Vec<(String, u8)>> = values! {
        "FlowType" = FlowType,
        "NegotiationRejectCode" = NegotiationRejectCode,
        "EstablishmentRejectCode" = EstablishmentRejectCode,
        "RetransmitRejectCode" = RetransmitRejectCode,
        "TerminationCode" = TerminationCode,
        "IntakeState" = IntakeState,
        "IntakeReason" = IntakeReason,
        "AckRule" = AckRuleCode,
        "Side" = Side,
        "OrdType" = OrdType,
        "TimeInForce" = TimeInForce,
        "SMPInstruction" = StpInstruction,
        "ExecType" = ExecType,
        "OrdStatus" = OrdStatus,
        "OrdRejReason" = OrderRejectReason,
        "ExecRestatementReason" = CancelReason,
        "CxlRejReason" = CancelRejectReason,
        "BusinessRejectReason" = BusinessRejectReason,
        "MassActionType" = MassActionType,
        "MassActionScope" = MassActionScope,
        "MassActionResponse" = MassActionResponse,
        "MassActionRejectReason" = MassActionRejectReason,
        "TradingPhase" = TradingPhase,
        "BandAction" = BandAction,
        "RiskScope" = RiskScope,
        "KillScope" = KillScope,
        "KillAction" = KillAction,
        "SteeringResult" = SteeringResult,
    }
    .into();
    // Enumerations that the vocabulary holds as plain codes.
    let plain = |values: &[(&str, u8)]| values.iter().map(|&(n, v)| (n.to_owned(), v)).collect();
    ours.insert("Flag", plain(&[("No", 0), ("Yes", 1)]));
    ours.insert("StatusRejReason", plain(&[("None", 0), ("UnknownOrder", 5)]));
    ours.insert("SideOrBoth", plain(&[("Both", 0), ("Buy", b'1'), ("Sell", b'2')]));
    ours.insert("YesNo", plain(&[("Yes", b'Y'), ("No", b'N')]));
    ours.insert(
        "CxlRejResponseTo",
        plain(&[("OrderCancelRequest", b'1'), ("OrderCancelReplaceRequest", b'2')]),
    );
    ours.insert(
        "CancelOnDisconnectType",
        plain(&[
            ("DoNotCancel", 0),
            ("CancelOnDisconnectOnly", 1),
            ("CancelOnTerminateOnly", 2),
            ("CancelOnDisconnectOrTerminate", 3),
        ]),
    );
    let doc = schema();
    let mut seen = 0;
    for node in doc.descendants().filter(|node| node.tag_name().name() == "enum") {
        let name = node.attribute("name").unwrap();
        let is_char = node.attribute("encodingType") == Some("char");
        let theirs: Vec<_> = elements(node, "validValue")
            .map(|value| {
                let text = value.text().unwrap();
                let code = if is_char {
                    assert_eq!(text.len(), 1);
                    text.as_bytes()[0]
                } else {
                    text.parse().unwrap()
                };
                (value.attribute("name").unwrap().to_owned(), code)
            })
            .collect();
        assert_eq!(ours.get(name), Some(&theirs), "{name}");
        seen += 1;
    }
    assert_eq!(seen, ours.len(), "the schema has every enumeration of ours");
}
