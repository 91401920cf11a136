//! What one place inside a value takes, when everything around it stays as it is.
//!
//! A template writes the constant part of a payload once, and into each slot only the value. That is
//! right where the bytes of the rest do not depend on it: where a plan has only compiled nodes on the
//! way to the place (serializers that take the model make it general), and in builtin containers. A
//! [`Leaf`] says which values are written there as the whole payload would have them; any other is
//! left to the encoding of the whole, as everywhere here.

use eventwire_core::json;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::raw::{self, instance_dict};

use super::class::{Shape, class_of};
use super::form::DEPTH;
use super::plan::{Literal, Model, Node, Plan, Tagged};
use super::write::class_address;
use super::{Form, Wrote, infer, jsonable, scalar};

/// How the values of one place are written.
pub(crate) struct Leaf {
    takes: Scalars,
    /// Texts that are taken, where others are not.
    literals: Vec<Box<str>>,
    form: Form,
    others: Others,
    /// Everything above is a builtin container.
    pub(crate) is_free: bool,
    /// How deep the values may be nested.
    depth: u8,
}

/// Which exact builtin scalars are written plainly.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "one for each class")]
struct Scalars {
    text: bool,
    integer: bool,
    float: bool,
    boolean: bool,
    none: bool,
}

/// What is written of the values that are no such scalars.
#[derive(Clone, Copy)]
enum Others {
    /// Nothing: by the whole payload.
    Nothing,
    /// As pydantic-core infers.
    Inferred,
    /// As `jsonable_encoder` has it.
    Jsonable,
}

impl Scalars {
    const ALL: Self = Self {
        text: true,
        integer: true,
        float: true,
        boolean: true,
        none: true,
    };

    /// Those that a node takes; None: it takes values of any class.
    fn of(plan: &Plan, node: &Node) -> Option<Self> {
        let nothing = Self::default();
        Some(match plan.resolve(node) {
            Node::Str => Self {
                text: true,
                ..nothing
            },
            Node::Int => Self {
                integer: true,
                ..nothing
            },
            Node::Float => Self {
                float: true,
                ..nothing
            },
            Node::Bool => Self {
                boolean: true,
                ..nothing
            },
            Node::None => Self {
                none: true,
                ..nothing
            },
            Node::Nullable(inner) => Self {
                none: true,
                ..Self::of(plan, inner)?
            },
            Node::Any => return None,
            _ => nothing,
        })
    }

    fn take(self, value: &Bound<'_, PyAny>) -> bool {
        if value.is_exact_instance_of::<PyString>() {
            self.text
        } else if value.is_exact_instance_of::<PyInt>() {
            self.integer
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            // How others are written is a matter of configurations.
            self.float && number.value().is_finite()
        } else if value.is_exact_instance_of::<PyBool>() {
            self.boolean
        } else {
            self.none && value.is_none()
        }
    }
}

impl Leaf {
    /// What a place takes in a payload as pydantic-core infers it.
    pub(crate) fn inferred(
        payload: &Bound<'_, PyAny>,
        path: &Bound<'_, PyTuple>,
        form: Form,
    ) -> Option<Self> {
        Search::along(path)?.inferred(payload, form)
    }

    /// The same in the data of an event on a FastAPI route.
    pub(crate) fn of_event_data(
        payload: &Bound<'_, PyAny>,
        path: &Bound<'_, PyTuple>,
        form: Form,
    ) -> Option<Self> {
        let mut search = Search::along(path)?;
        if let Shape::Model(model) = &class_of(payload).shape
            && model.own_dump_json
        {
            let plan = model.plan(payload.py())?;
            return search.planned(&plan, &plan.root, payload, form);
        }
        if payload.hasattr("model_dump_json").ok()? {
            return None;
        }
        search.jsonable(payload)
    }

    /// Two values that it takes, with their JSON.
    pub(crate) fn probes<'py>(&self, py: Python<'py>) -> Option<[(Bound<'py, PyAny>, String); 2]> {
        let mut probes = Vec::new();
        let mut probe =
            |value: Bound<'py, PyAny>, json: &str| probes.push((value, json.to_owned()));
        if self.takes.text {
            for (text, json) in [("0", "\"0\""), ("1", "\"1\"")] {
                probe(PyString::new(py, text).into_any(), json);
            }
        }
        for text in &self.literals {
            let mut json = Vec::new();
            json::string(&mut json, text, self.form.escape());
            probe(
                PyString::new(py, text).into_any(),
                &String::from_utf8(json).ok()?,
            );
        }
        if self.takes.integer {
            for (number, json) in [(0_i64, "0"), (1, "1")] {
                probe(number.into_pyobject(py).ok()?.into_any(), json);
            }
        }
        if self.takes.float {
            for (number, json) in [(0.5, "0.5"), (1.5, "1.5")] {
                probe(PyFloat::new(py, number).into_any(), json);
            }
        }
        if self.takes.boolean {
            for (truth, json) in [(false, "false"), (true, "true")] {
                probe(PyBool::new(py, truth).to_owned().into_any(), json);
            }
        }
        if self.takes.none {
            probe(py.None().into_bound(py), "null");
        }
        let mut probes = probes.into_iter();
        Some([probes.next()?, probes.next()?])
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn write(&self, buffer: &mut Vec<u8>, value: &Bound<'_, PyAny>) -> Wrote {
        // A token, mostly.
        if self.takes.text
            && let Ok(text) = value.cast_exact::<PyString>()
            && raw::text(text).is_some()
        {
            return scalar::string(buffer, text, self.form);
        }
        if self.takes.take(value) {
            return scalar::exact(buffer, value, self.form).unwrap_or(Wrote::Unknown);
        }
        if !self.literals.is_empty()
            && let Ok(text) = value.cast_exact::<PyString>()
            && raw::text(text).is_some_and(|text| self.literals.iter().any(|own| **own == *text))
        {
            return scalar::string(buffer, text, self.form);
        }
        match self.others {
            Others::Nothing => Wrote::Unknown,
            Others::Inferred => infer::nested(buffer, value, self.form, self.depth).around_value(),
            Others::Jsonable => jsonable::nested(buffer, value, self.depth).around_value(),
        }
    }
}

impl Wrote {
    const fn around_value(self) -> Self {
        match self {
            Self::Value => self,
            _ => self.around(),
        }
    }
}

/// On the way to a place.
struct Search<'py> {
    steps: std::vec::IntoIter<Bound<'py, PyAny>>,
    /// Only builtin containers so far.
    is_free: bool,
    depth: u8,
}

impl<'py> Search<'py> {
    fn along(path: &Bound<'py, PyTuple>) -> Option<Self> {
        let steps: Vec<_> = path.iter().collect();
        Some(Self {
            depth: DEPTH.checked_sub(u8::try_from(steps.len()).ok()?)?,
            steps: steps.into_iter(),
            is_free: true,
        })
    }

    fn leaf(&self, takes: Scalars, form: Form, others: Others) -> Leaf {
        Leaf {
            takes,
            literals: Vec::new(),
            form,
            others,
            is_free: self.is_free,
            depth: self.depth,
        }
    }

    fn inferred(&mut self, value: &Bound<'py, PyAny>, form: Form) -> Option<Leaf> {
        let Some(step) = self.steps.next() else {
            return Some(self.leaf(Scalars::ALL, form, Others::Inferred));
        };
        if let Some(member) = builtin_member(value, &step) {
            return self.inferred(&member, form);
        }
        self.is_free = false;
        match &class_of(value).shape {
            Shape::Model(model) => {
                let plan = model.plan(value.py())?;
                self.step_into(&plan, &plan.root, value, &step, form)
            }
            Shape::Dataclass(class) if class.is_pydantics => {
                let plan = class.plan(value.py())?;
                self.step_into(&plan, &plan.root, value, &step, form)
            }
            Shape::Dataclass(_) => self.inferred(&attribute(value, &step)?, form),
            _ => None,
        }
    }

    fn jsonable(&mut self, value: &Bound<'py, PyAny>) -> Option<Leaf> {
        let Some(step) = self.steps.next() else {
            return Some(self.leaf(Scalars::ALL, jsonable::FORM, Others::Jsonable));
        };
        if let Some(member) = builtin_member(value, &step) {
            return self.jsonable(&member);
        }
        self.is_free = false;
        match &class_of(value).shape {
            Shape::Model(model) if model.own_dump => {
                let plan = model.plan(value.py())?;
                self.step_into(&plan, &plan.root, value, &step, jsonable::FORM)
            }
            Shape::Dataclass(_) => self.copied(&attribute(value, &step)?),
            _ => None,
        }
    }

    /// Inside of a dataclass, which `dataclasses.asdict` copies: scalars remain what they are.
    fn copied(&mut self, value: &Bound<'py, PyAny>) -> Option<Leaf> {
        match self.steps.next() {
            None => Some(self.leaf(Scalars::ALL, jsonable::FORM, Others::Nothing)),
            Some(step) => self.copied(&builtin_member(value, &step)?),
        }
    }

    /// By a plan.
    fn planned(
        &mut self,
        plan: &Plan,
        node: &Node,
        value: &Bound<'py, PyAny>,
        form: Form,
    ) -> Option<Leaf> {
        self.is_free = false;
        match self.steps.next() {
            Some(step) => self.step_into(plan, node, value, &step, form),
            None => Some(match Scalars::of(plan, node) {
                Some(takes) => Leaf {
                    literals: literals(plan, node),
                    ..self.leaf(takes, form, Others::Nothing)
                },
                None => self.leaf(Scalars::ALL, form, Others::Inferred),
            }),
        }
    }

    fn step_into(
        &mut self,
        plan: &Plan,
        node: &Node,
        value: &Bound<'py, PyAny>,
        step: &Bound<'py, PyAny>,
        form: Form,
    ) -> Option<Leaf> {
        let strict = Form {
            strict: true,
            ..form
        };
        match plan.resolve(node) {
            Node::Nullable(inner) => self.step_into(plan, inner, value, step, form),
            Node::List(inner) | Node::Tuple(inner) | Node::Dict(inner) => {
                self.planned(plan, inner, &builtin_member(value, step)?, form)
            }
            Node::Positions(nodes) => {
                let node = nodes.get(step.extract::<usize>().ok()?)?;
                self.planned(plan, node, &builtin_member(value, step)?, form)
            }
            Node::TypedDict(typed) => {
                let field = &typed.fields[*typed.by_key.get(step.extract::<&str>().ok()?)?];
                self.planned(plan, &field.node, &builtin_member(value, step)?, form)
            }
            Node::Model(model) => self.field(plan, model, value, step, form),
            Node::Root(root) if root.class == class_address(value) => {
                self.planned(plan, &root.node, &attribute(value, step)?, form)
            }
            Node::Union(union) => {
                let member = *union.by_class.get(&class_address(value))?;
                self.step_into(plan, &union.members[member], value, step, strict)
            }
            Node::Tagged(tagged) => {
                let member = tagged_member(tagged, value, step)?;
                self.step_into(plan, member, value, step, strict)
            }
            Node::Any => {
                self.steps = std::iter::once(step.clone())
                    .chain(self.steps.by_ref())
                    .collect::<Vec<_>>()
                    .into_iter();
                self.inferred(value, form)
            }
            _ => None,
        }
    }

    fn field(
        &mut self,
        plan: &Plan,
        model: &Model,
        value: &Bound<'py, PyAny>,
        step: &Bound<'py, PyAny>,
        form: Form,
    ) -> Option<Leaf> {
        if model.class != class_address(value) {
            return None;
        }
        let name = step.extract::<&str>().ok()?;
        let field = model
            .fields
            .iter()
            .find(|field| *field.keys.texts[0] == *name)?;
        self.planned(plan, &field.node, &attribute(value, step)?, form)
    }
}

/// The texts of a literal.
fn literals(plan: &Plan, node: &Node) -> Vec<Box<str>> {
    match plan.resolve(node) {
        Node::Nullable(inner) => literals(plan, inner),
        Node::Literal(members) => members
            .iter()
            .filter_map(|member| match member {
                Literal::Str(text) => Some(text.clone()),
                Literal::Int(_) => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// The member of a tagged union that a value is, unless the place is what says that.
fn tagged_member<'a>(
    tagged: &'a Tagged,
    value: &Bound<'_, PyAny>,
    step: &Bound<'_, PyAny>,
) -> Option<&'a Node> {
    let discriminator = tagged.discriminator.bind(value.py()).as_any();
    if step.eq(discriminator).ok()? {
        return None;
    }
    let tag = attribute(value, discriminator)?;
    let (class, member) = tagged.tags.get(tag.extract::<&str>().ok()?)?;
    if *class != class_address(value) {
        return None;
    }
    tagged.members.get(*member)
}

/// What an exact dict, list or tuple holds there.
fn builtin_member<'py>(
    value: &Bound<'py, PyAny>,
    step: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    if let Ok(members) = value.cast_exact::<PyDict>() {
        return members.get_item(step).ok()?;
    }
    if value.is_exact_instance_of::<PyList>() || value.is_exact_instance_of::<PyTuple>() {
        return value.get_item(step).ok();
    }
    None
}

fn attribute<'py>(
    value: &Bound<'py, PyAny>,
    step: &Bound<'py, PyAny>,
) -> Option<Bound<'py, PyAny>> {
    instance_dict(value)?.get_item(step).ok()?
}
