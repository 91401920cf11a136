//! A compiled schema, and what it says of itself.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use pyo3::{PyTraverseError, PyVisit};

use super::part::Part;

/// A schema, compiled for both dialects. Immutable.
pub(crate) struct Plan {
    pub(super) root: Node,
    /// What recursive schemas refer to.
    pub(super) definitions: Vec<Node>,
    /// The same as schemas, for the parts that Pydantic writes.
    pub(super) schemas: Option<Py<PyList>>,
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
    Bytes,
    Date,
    DateTime,
    /// The address of `decimal.Decimal`.
    Decimal(usize),
    Time,
    /// The address of `uuid.UUID`.
    Uuid(usize),
    /// The class of an enum whose members' values are plain; its address, and its name.
    Enum(usize, String),
    /// Exact `str` and `int` members of a literal; others are for the general path.
    Literal(Vec<Literal>),
    Nullable(Box<Node>),
    List(Box<Node>),
    Set(Box<Node>),
    FrozenSet(Box<Node>),
    /// `tuple[X, ...]`.
    Tuple(Box<Node>),
    /// A member of its own for each position.
    Positions(Vec<Node>),
    /// A dict with `str` keys.
    Dict(Box<Node>),
    /// A dict whose keys are known.
    TypedDict(Box<TypedDict>),
    Model(Box<Model>),
    /// A model that is its `root`.
    Root(Box<Root>),
    /// The members in order; the first that fits wins, as in Pydantic's strict round.
    Union(Union),
    Tagged(Box<Tagged>),
    Definition(usize),
    /// Not compiled: Pydantic writes it.
    General(Arc<Part>),
}

#[derive(PartialEq, Eq)]
pub(super) enum Literal {
    Str(Box<str>),
    Int(i64),
}

/// The members of a union, in order.
pub(super) struct Union {
    pub(super) members: Vec<Node>,
    /// Where an instance of exactly this class fits first.
    pub(super) by_class: HashMap<usize, usize>,
}

/// A union of models whose member is said by one of their fields.
pub(super) struct Tagged {
    /// The field's name, interned.
    pub(super) discriminator: Py<PyString>,
    /// For each value of the field: the class's address, and the member.
    pub(super) tags: HashMap<Box<str>, (usize, usize)>,
    pub(super) members: Vec<Node>,
}

/// A model or a dataclass.
pub(super) struct Model {
    pub(super) name: String,
    /// The class's address: compared, never followed. The schema keeps the class alive.
    pub(super) class: usize,
    pub(super) fields: Vec<Field>,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The `__dict__` of an instance holds the fields, in order, and nothing else.
    Model {
        /// `extra="allow"`.
        allows_extra: bool,
    },
    /// The `__dict__` of an instance holds the fields, among others.
    Dataclass,
}

pub(super) struct Field {
    /// Interned.
    pub(super) name: Py<PyString>,
    pub(super) keys: Keys,
    pub(super) excluded: bool,
    pub(super) node: Node,
    pub(super) takes: Takes,
    /// For values that the node leaves; None where the node is general itself.
    pub(super) part: Option<Arc<Part>>,
}

/// The commonest values that a node writes without further ado, so that they need not go through
/// it: 30 of 210 ns of a chat chunk.
#[derive(Clone, Copy, Default)]
pub(super) struct Takes {
    pub(super) text: bool,
    pub(super) integer: bool,
    pub(super) none: bool,
}

impl Takes {
    pub(super) fn of(node: &Node) -> Self {
        match node {
            Node::Str => Self {
                text: true,
                ..Self::default()
            },
            Node::Int => Self {
                integer: true,
                ..Self::default()
            },
            Node::None => Self {
                none: true,
                ..Self::default()
            },
            Node::Any => Self {
                text: true,
                integer: true,
                none: true,
            },
            Node::Nullable(inner) => Self {
                none: true,
                ..Self::of(inner)
            },
            _ => Self::default(),
        }
    }
}

/// `,"key":` with the field's name, and with its alias; compact, then spaced.
pub(super) struct Keys {
    pub(super) by_name: [Box<[u8]>; 2],
    pub(super) by_alias: [Box<[u8]>; 2],
    /// A key has one of the line separators: its compact form is not line-safe.
    pub(super) separated: bool,
    /// Both as text.
    pub(super) texts: [Box<str>; 2],
}

pub(super) struct TypedDict {
    pub(super) name: String,
    /// Positions in `fields` by key.
    pub(super) by_key: HashMap<Box<str>, usize>,
    pub(super) fields: Vec<Field>,
    pub(super) required: usize,
    pub(super) is_required: Vec<bool>,
}

pub(super) struct Root {
    pub(super) name: String,
    pub(super) class: usize,
    pub(super) node: Node,
}

impl Plan {
    /// Whether the root is a model with a field of this name.
    pub(super) fn has_field(&self, name: &str) -> bool {
        match self.resolve(&self.root) {
            Node::Model(model) => model
                .fields
                .iter()
                .any(|field| *field.keys.texts[0] == *name),
            // A general one may have any.
            Node::General(_) => true,
            _ => false,
        }
    }

    pub(super) fn resolve<'a>(&'a self, mut node: &'a Node) -> &'a Node {
        // As often as there are definitions: an alias may stand for itself.
        for _ in 0..=self.definitions.len() {
            let Node::Definition(index) = node else {
                break;
            };
            node = &self.definitions[*index];
        }
        node
    }

    /// Whether validating a value of the class at this address would give the very same object.
    #[inline]
    pub(crate) fn takes_unvalidated(&self, class: usize) -> bool {
        self.unvalidated == Some(class)
    }

    /// Whether nothing of it is compiled.
    pub(crate) fn is_general(&self) -> bool {
        matches!(self.resolve(&self.root), Node::General(_))
    }

    /// The parts of the type, a line each: what is compiled, and why the rest is not.
    pub(crate) fn describe(&self) -> String {
        let mut report = Report {
            plan: self,
            seen: HashSet::new(),
            text: String::new(),
        };
        report.node(&self.root, "item");
        if self.unvalidated.is_none() {
            report
                .text
                .push_str("item: validated by Pydantic before it is written\n");
        }
        report.text
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.schemas)?;
        self.root.traverse(visit)?;
        self.definitions
            .iter()
            .try_for_each(|node| node.traverse(visit))
    }
}

impl Node {
    /// The nodes directly below.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Nullable(inner)
            | Self::List(inner)
            | Self::Set(inner)
            | Self::FrozenSet(inner)
            | Self::Tuple(inner)
            | Self::Dict(inner) => vec![inner],
            Self::Positions(members) => members.iter().collect(),
            Self::Union(union) => union.members.iter().collect(),
            Self::Tagged(tagged) => tagged.members.iter().collect(),
            Self::Root(root) => vec![&root.node],
            Self::Model(model) => model.fields.iter().map(|field| &field.node).collect(),
            Self::TypedDict(dict) => dict.fields.iter().map(|field| &field.node).collect(),
            _ => Vec::new(),
        }
    }

    fn fields(&self) -> &[Field] {
        match self {
            Self::Model(model) => &model.fields,
            Self::TypedDict(dict) => &dict.fields,
            _ => &[],
        }
    }

    /// What holds references to Python: the parts. (Names are interned `str`.)
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if let Self::General(part) = self {
            part.traverse(visit)?;
        }
        for part in self.fields().iter().filter_map(|field| field.part.as_ref()) {
            part.traverse(visit)?;
        }
        self.children()
            .into_iter()
            .try_for_each(|node| node.traverse(visit))
    }
}

struct Report<'a> {
    plan: &'a Plan,
    seen: HashSet<usize>,
    text: String,
}

impl Report<'_> {
    fn node(&mut self, node: &Node, path: &str) {
        let what = match node {
            Node::Nullable(inner) => return self.node(inner, path),
            Node::List(inner) | Node::Set(inner) | Node::FrozenSet(inner) | Node::Tuple(inner) => {
                return self.node(inner, &format!("{path}[]"));
            }
            Node::Dict(inner) => return self.node(inner, &format!("{path}{{}}")),
            Node::Definition(index) if self.seen.insert(*index) => {
                return self.node(&self.plan.definitions[*index], path);
            }
            Node::Definition(_) => "compiled as above".to_owned(),
            Node::Str => "compiled str".to_owned(),
            Node::Int => "compiled int".to_owned(),
            Node::Float => "compiled float".to_owned(),
            Node::Bool => "compiled bool".to_owned(),
            Node::None => "compiled None".to_owned(),
            Node::Any => "compiled by the classes of its values".to_owned(),
            Node::Bytes => "compiled bytes".to_owned(),
            Node::Date => "compiled date".to_owned(),
            Node::DateTime => "compiled datetime, naive or UTC".to_owned(),
            Node::Decimal(_) => "compiled Decimal".to_owned(),
            Node::Time => "compiled time, naive".to_owned(),
            Node::Uuid(_) => "compiled UUID".to_owned(),
            Node::Enum(_, name) => format!("compiled enum {name}"),
            Node::Literal(_) => "compiled literal".to_owned(),
            Node::Positions(_) => "compiled tuple".to_owned(),
            Node::TypedDict(dict) => format!("compiled TypedDict {}", dict.name),
            Node::Root(root) => format!("compiled root model {}", root.name),
            Node::Model(model) if model.kind == Kind::Dataclass => {
                format!("compiled dataclass {}", model.name)
            }
            Node::Model(model) => format!("compiled model {}", model.name),
            Node::Union(_) => "compiled union".to_owned(),
            Node::Tagged(_) => "compiled discriminated union".to_owned(),
            Node::General(part) => format!("general path: {}", part.why),
        };
        let _ = writeln!(self.text, "{path}: {what}");
        for field in node.fields() {
            self.node(&field.node, &format!("{path}.{}", field.name));
        }
        match node {
            Node::Root(root) => self.node(&root.node, &format!("{path}.root")),
            Node::Positions(_) | Node::Union(_) | Node::Tagged(_) => {
                for (position, member) in node.children().into_iter().enumerate() {
                    self.node(member, &format!("{path}|{position}"));
                }
            }
            _ => {}
        }
    }
}
