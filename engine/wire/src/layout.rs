//! Where every field lies, as the structs have it: what the schema is checked against.
//!
//! Inputs -> outputs: none; constants made from the structs by the compiler.
//! Invariants: one entry for each template; fields in the order of their offsets, without gaps.
//! Limits: none.
//! Not here: the schema (`schema/gavel.xml`), which a test compares with this.

pub use crate::template::TEMPLATES;

/// One field of a block.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Name as the struct has it: the schema's, in lower case, words joined by `_`.
    pub name: &'static str,
    /// From the beginning of the block, or of the enclosing field.
    pub offset_bytes: usize,
    /// Bytes that it takes.
    pub bytes: usize,
    /// Fields inside it, if it is a block shared by several templates; else empty.
    pub inner: &'static [Field],
}

/// One repeating group.
#[derive(Clone, Copy, Debug)]
pub struct GroupLayout {
    /// Name in the schema.
    pub name: &'static str,
    /// Bytes of one entry.
    pub entry_bytes: usize,
    /// Fields of one entry.
    pub fields: &'static [Field],
}

/// One message template.
#[derive(Clone, Copy, Debug)]
pub struct TemplateLayout {
    /// Name in the schema.
    pub name: &'static str,
    /// SBE template id.
    pub id: u16,
    /// Bytes of the root block.
    pub block_bytes: usize,
    /// Bytes that it had in the first version with this template.
    pub first_bytes: usize,
    /// Fields of the root block.
    pub fields: &'static [Field],
    /// Groups that follow it, in order.
    pub groups: &'static [GroupLayout],
}
