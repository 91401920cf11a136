//! A compiled schema, and how a value is written by it.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use eventwire_core::json;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PySet, PyString, PyType};

use crate::raw::instance_dict;

use super::builtin;
use super::{DEPTH, Dialect, Wrote};

/// The options of a serialization that a plan can follow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) by_alias: bool,
    pub(crate) exclude_none: bool,
    pub(crate) exclude_unset: bool,
}

/// A schema, compiled for both dialects. Immutable.
pub(crate) struct Plan {
    pub(super) root: Node,
    /// What recursive schemas refer to.
    pub(super) definitions: Vec<Node>,
    /// The class whose exact instances need no validation.
    pub(super) unvalidated: Option<usize>,
}

/// One schema.
pub(super) enum Node {
    Str,
    Int,
    Float,
    Bool,
    None,
    Any,
    /// Exact `str` members of a literal; others are for the general path.
    Literal(Vec<Box<str>>),
    Nullable(Box<Node>),
    List(Box<Node>),
    /// A dict with `str` keys.
    Dict(Box<Node>),
    Model(Arc<ModelPlan>),
    /// The members in order; the first that fits wins, as in Pydantic's strict round.
    Union(Union),
    Definition(usize),
    /// Not compiled, and why: the general path decides, for the item as a whole.
    Unknown(String),
}

/// The members of a union, in order.
pub(super) struct Union {
    members: Vec<Node>,
    /// Where an instance of exactly this class fits first.
    by_class: HashMap<usize, usize>,
}

impl Union {
    /// `classes`: the class of each member that is a model.
    pub(super) fn new(members: Vec<Node>, classes: Vec<Option<Bound<'_, PyAny>>>) -> Self {
        let mut by_class = HashMap::new();
        let mut earlier: Vec<Bound<'_, PyAny>> = Vec::new();
        for (position, (member, class)) in members.iter().zip(classes).enumerate() {
            // Only while every member before it is a model, and none is a base of this class.
            let (Node::Model(_) | Node::Definition(_), Some(class)) = (member, class) else {
                break;
            };
            let fits_earlier = class.cast::<PyType>().is_ok_and(|class| {
                class
                    .mro()
                    .iter()
                    .any(|base| earlier.iter().any(|e| base.is(e)))
            });
            if !fits_earlier {
                by_class.insert(class.as_ptr() as usize, position);
            }
            earlier.push(class);
        }
        Self { members, by_class }
    }
}

pub(super) struct ModelPlan {
    pub(super) name: String,
    /// The class's address: compared, never followed. The schema keeps the class alive.
    pub(super) class: usize,
    pub(super) names: Vec<Box<str>>,
    pub(super) fields: Vec<Field>,
    pub(super) allows_extra: bool,
}

pub(super) struct Field {
    pub(super) name: Py<PyString>,
    /// `"key":` with the field's name, and with its alias; compact, then spaced.
    pub(super) by_name: [Box<[u8]>; 2],
    pub(super) by_alias: [Box<[u8]>; 2],
    pub(super) excluded: bool,
    pub(super) node: Node,
}

impl Plan {
    /// Appends `value`; on anything but [`Wrote::Value`] the caller truncates.
    pub(crate) fn write(
        &self,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        dialect: Dialect,
        options: Options,
    ) -> PyResult<Wrote> {
        let writer = Writer {
            plan: self,
            dialect,
            options,
        };
        writer.node(&self.root, buffer, value, DEPTH)
    }

    /// The parts of the type, a line each: what is compiled, and why the rest is not.
    pub(crate) fn describe(&self) -> String {
        let mut text = String::new();
        let mut seen = HashSet::new();
        self.describe_node(&self.root, "item", &mut seen, &mut text);
        if self.unvalidated.is_none() {
            text.push_str("item: validated by Pydantic before it is written\n");
        }
        text
    }

    fn describe_node(&self, node: &Node, path: &str, seen: &mut HashSet<usize>, text: &mut String) {
        let mut line = |what: &str| {
            let _ = writeln!(text, "{path}: {what}");
        };
        match node {
            Node::Str => line("compiled str"),
            Node::Int => line("compiled int"),
            Node::Float => line("compiled float"),
            Node::Bool => line("compiled bool"),
            Node::None => line("compiled None"),
            Node::Any => line("compiled for exact builtin types"),
            Node::Literal(_) => line("compiled literal"),
            Node::Unknown(why) => line(&format!("general path: {why}")),
            Node::Nullable(inner) => self.describe_node(inner, path, seen, text),
            Node::List(inner) => self.describe_node(inner, &format!("{path}[]"), seen, text),
            Node::Dict(inner) => self.describe_node(inner, &format!("{path}{{}}"), seen, text),
            Node::Definition(index) => {
                if seen.insert(*index) {
                    self.describe_node(&self.definitions[*index], path, seen, text);
                } else {
                    line("compiled as above");
                }
            }
            Node::Model(model) => {
                line(&format!("compiled model {}", model.name));
                for field in &model.fields {
                    let path = format!("{path}.{}", field.name);
                    self.describe_node(&field.node, &path, seen, text);
                }
            }
            Node::Union(union) => {
                line("compiled union");
                for (position, member) in union.members.iter().enumerate() {
                    self.describe_node(member, &format!("{path}|{position}"), seen, text);
                }
            }
        }
    }

    /// Whether the root is a model with a field of this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        let mut node = &self.root;
        while let Node::Definition(index) = node {
            node = &self.definitions[*index];
        }
        match node {
            Node::Model(model) => model.names.iter().any(|field| **field == *name),
            _ => false,
        }
    }

    /// Whether validating `value` would give the very same object back.
    pub(crate) fn takes_unvalidated(&self, value: &Bound<'_, PyAny>) -> bool {
        self.unvalidated == Some(class_address(value))
    }
}

fn class_address(value: &Bound<'_, PyAny>) -> usize {
    value.get_type_ptr() as usize
}

#[derive(Clone, Copy)]
struct Writer<'a> {
    plan: &'a Plan,
    dialect: Dialect,
    options: Options,
}

impl Writer<'_> {
    fn node(
        self,
        node: &Node,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> PyResult<Wrote> {
        Ok(match node {
            Node::Str => match value.cast_exact::<PyString>() {
                Ok(text) => builtin::string(buffer, text, self.dialect),
                Err(_) => unless_subclass::<PyString>(value),
            },
            Node::Int => match value.cast_exact::<PyInt>() {
                Ok(number) => builtin::integer(buffer, number),
                Err(_) => unless_subclass::<PyInt>(value),
            },
            Node::Float => match value.cast_exact::<PyFloat>() {
                // How infinities are written is a matter of the model's configuration.
                Ok(number) if number.value().is_finite() => {
                    builtin::float(buffer, number, self.dialect)
                }
                _ => Wrote::Unknown,
            },
            Node::Bool => match value.cast_exact::<PyBool>() {
                Ok(truth) => {
                    builtin::boolean(buffer, truth.is_true());
                    Wrote::Value
                }
                Err(_) => Wrote::Mismatch,
            },
            Node::None => {
                if !value.is_none() {
                    return Ok(Wrote::Mismatch);
                }
                buffer.extend_from_slice(b"null");
                Wrote::Value
            }
            Node::Any => match builtin::write(buffer, value, self.dialect) {
                Wrote::Value => Wrote::Value,
                _ => Wrote::Unknown,
            },
            Node::Literal(members) => match value.cast_exact::<PyString>().map(|t| t.to_str()) {
                Ok(Ok(text)) if members.iter().any(|member| **member == *text) => {
                    json::string(buffer, text, self.dialect.escape());
                    Wrote::Value
                }
                Ok(Ok(_)) => Wrote::Mismatch,
                _ => Wrote::Unknown,
            },
            Node::Nullable(inner) => {
                if value.is_none() {
                    buffer.extend_from_slice(b"null");
                    return Ok(Wrote::Value);
                }
                return self.node(inner, buffer, value, depth);
            }
            Node::Definition(index) => {
                return self.node(&self.plan.definitions[*index], buffer, value, depth);
            }
            Node::Unknown(_) => Wrote::Unknown,
            Node::List(_) | Node::Dict(_) | Node::Model(_) | Node::Union(_) if depth == 0 => {
                Wrote::Unknown
            }
            Node::List(inner) => {
                let Ok(members) = value.cast_exact::<PyList>() else {
                    return Ok(unless_subclass::<PyList>(value));
                };
                return self.list(inner, buffer, members, depth - 1);
            }
            Node::Dict(inner) => {
                let Ok(members) = value.cast_exact::<PyDict>() else {
                    return Ok(unless_subclass::<PyDict>(value));
                };
                return self.dict(inner, buffer, members, depth - 1);
            }
            Node::Union(union) => {
                if let Some(&position) = union.by_class.get(&class_address(value)) {
                    return self.node(&union.members[position], buffer, value, depth - 1);
                }
                let mark = buffer.len();
                for member in &union.members {
                    let wrote = self.node(member, buffer, value, depth - 1)?;
                    if wrote != Wrote::Mismatch {
                        return Ok(wrote);
                    }
                    buffer.truncate(mark);
                }
                // Of none of them: Pydantic writes it all the same, with a warning.
                Wrote::Unknown
            }
            Node::Model(model) => return self.model(model, buffer, value, depth - 1),
        })
    }

    fn list(
        self,
        inner: &Node,
        buffer: &mut Vec<u8>,
        members: &Bound<'_, PyList>,
        depth: u8,
    ) -> PyResult<Wrote> {
        buffer.push(b'[');
        for (position, member) in members.iter().enumerate() {
            if position > 0 {
                buffer.extend_from_slice(self.dialect.comma());
            }
            if self.node(inner, buffer, &member, depth)? != Wrote::Value {
                return Ok(Wrote::Unknown);
            }
        }
        buffer.push(b']');
        Ok(Wrote::Value)
    }

    fn dict(
        self,
        inner: &Node,
        buffer: &mut Vec<u8>,
        members: &Bound<'_, PyDict>,
        depth: u8,
    ) -> PyResult<Wrote> {
        let mut failed = None;
        let wrote = builtin::dict(buffer, members, self.dialect, |buffer, member| {
            // exclude_none acts on the members of plain dicts, too.
            if self.options.exclude_none && member.is_none() {
                return Wrote::Unknown;
            }
            self.node(inner, buffer, member, depth)
                .unwrap_or_else(|error| {
                    failed = Some(error);
                    Wrote::Unknown
                })
        });
        match failed {
            Some(error) => Err(error),
            None if wrote == Wrote::Value => Ok(wrote),
            None => Ok(Wrote::Unknown),
        }
    }

    fn model(
        self,
        model: &ModelPlan,
        buffer: &mut Vec<u8>,
        value: &Bound<'_, PyAny>,
        depth: u8,
    ) -> PyResult<Wrote> {
        let py = value.py();
        if model.class != class_address(value) {
            let bases = value.get_type().mro();
            let subclass = bases
                .iter()
                .any(|base| base.as_ptr() as usize == model.class);
            return Ok(if subclass {
                Wrote::Unknown
            } else {
                Wrote::Mismatch
            });
        }
        if model.allows_extra {
            // An instance need not have been initialized.
            let Ok(extra) = value.getattr(intern!(py, "__pydantic_extra__")) else {
                return Ok(Wrote::Unknown);
            };
            if !extra.is_none()
                && extra
                    .cast_exact::<PyDict>()
                    .map_or(true, |extra| !extra.is_empty())
            {
                return Ok(Wrote::Unknown);
            }
        }
        let Some(attributes) = instance_dict(value) else {
            return Ok(Wrote::Unknown);
        };
        // Fields missing or added (model_construct, cached properties) are the general path's.
        if attributes.len() != model.fields.len() {
            return Ok(Wrote::Unknown);
        }
        let set = if self.options.exclude_unset {
            let set = value.getattr(intern!(py, "__pydantic_fields_set__"));
            let Some(set) = set.ok().and_then(|set| set.cast_into_exact::<PySet>().ok()) else {
                return Ok(Wrote::Unknown);
            };
            Some(set)
        } else {
            None
        };
        let form = usize::from(self.dialect == Dialect::Spaced);
        let mut separator: &[u8] = b"";
        buffer.push(b'{');
        for ((name, member), field) in attributes.iter().zip(&model.fields) {
            // Names are interned: the same object, or another order, or not a field at all.
            if !name.is(&field.name) {
                return Ok(Wrote::Unknown);
            }
            if field.excluded || (self.options.exclude_none && member.is_none()) {
                continue;
            }
            if let Some(set) = &set
                && !set.contains(&name)?
            {
                continue;
            }
            buffer.extend_from_slice(separator);
            separator = self.dialect.comma();
            let key = if self.options.by_alias {
                &field.by_alias
            } else {
                &field.by_name
            };
            buffer.extend_from_slice(&key[form]);
            if self.node(&field.node, buffer, &member, depth)? != Wrote::Value {
                return Ok(Wrote::Unknown);
            }
        }
        buffer.push(b'}');
        Ok(Wrote::Value)
    }
}

/// A subclass may still be taken for its base by Pydantic; anything else is certainly not it.
fn unless_subclass<T: pyo3::PyTypeCheck>(value: &Bound<'_, PyAny>) -> Wrote {
    if value.cast::<T>().is_ok() {
        Wrote::Unknown
    } else {
        Wrote::Mismatch
    }
}
