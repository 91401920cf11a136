//! From a Pydantic core schema to a plan.
//!
//! Whatever is not known to be written the way a plan writes it becomes [`Node::General`] with the
//! reason: Pydantic writes that part. Schemas are read as `pydantic_core.core_schema` documents
//! them; unknown keys that change the serialization (`serialization`, `serialization_exclude_if`,
//! `ser_json_*` in the configuration) count as unknown.

use std::collections::HashMap;
use std::sync::Arc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyType};

use crate::event::{EventKind, event_kind};

use super::class::enum_is_plain;
use super::part::Part;
use super::plan::{Literal, Node, Plan};

/// Schemas that are validated in some way and serialized as the schema under this key.
const TRANSPARENT: [(&str, &str); 8] = [
    ("custom-error", "schema"),
    ("default", "schema"),
    ("function-after", "schema"),
    ("function-before", "schema"),
    ("function-wrap", "schema"),
    ("json-or-python", "json_schema"),
    ("lax-or-strict", "strict_schema"),
    ("nullable", "schema"),
];

/// Compiles the core schema (a dict) that `serializer` was made from, or that of a class; fails only
/// if it is not shaped like one.
pub(crate) fn compile(
    schema: &Bound<'_, PyAny>,
    serializer: Option<&Bound<'_, PyAny>>,
) -> PyResult<Plan> {
    let mut compiler = Compiler {
        config: outer_config(schema, serializer)?,
        ..Compiler::default()
    };
    let root = compiler.node(schema)?;
    let outer = schema.cast::<PyDict>()?;
    let mut definitions = Vec::new();
    let schemas: Vec<_> = compiler.referable.into_values().collect();
    for node in compiler.definitions {
        let unresolved = || Node::General(Arc::new(Part::hopeless("unresolved reference", outer)));
        definitions.push(node.unwrap_or_else(unresolved));
    }
    Ok(Plan {
        root,
        definitions,
        schemas: if schemas.is_empty() {
            None
        } else {
            Some(PyList::new(schema.py(), schemas)?.unbind())
        },
        unvalidated: unvalidated_class(schema)?,
    })
}

/// The configuration of a serializer as a whole, which values of no declared type go by: a class's
/// own serializer has that of the class.
fn outer_config<'py>(
    schema: &Bound<'py, PyAny>,
    serializer: Option<&Bound<'py, PyAny>>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    let Some(model) = root(schema, true)? else {
        return Ok(None);
    };
    let own = required(&model, "cls")?.getattr_opt("__pydantic_serializer__")?;
    match (serializer, own) {
        (Some(serializer), Some(own)) if !serializer.is(&own) => Ok(None),
        (Some(_), None) => Ok(None),
        _ => model.get_item("config"),
    }
}

/// The class whose exact instances Pydantic takes as they are: the schema is the model or the
/// dataclass itself, without a validator around it, and its instances are never revalidated.
fn unvalidated_class(schema: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let Some(schema) = root(schema, false)? else {
        return Ok(None);
    };
    let revalidates = |settings: &Bound<'_, PyDict>, key: &str| -> PyResult<bool> {
        Ok(match settings.get_item(key)? {
            Some(value) => !value.eq("never")?,
            None => false,
        })
    };
    if revalidates(&schema, "revalidate_instances")? {
        return Ok(None);
    }
    if let Some(config) = schema.get_item("config")?
        && revalidates(config.cast::<PyDict>()?, "revalidate_instances")?
    {
        return Ok(None);
    }
    let class = required(&schema, "cls")?.cast_into::<PyType>()?;
    // An event is an event, whatever type is declared.
    if event_kind(&class)? != EventKind::No {
        return Ok(None);
    }
    Ok(Some(class.as_ptr() as usize))
}

/// The model or dataclass that a schema is; with `around`, also if validators stand around it.
fn root<'py>(schema: &Bound<'py, PyAny>, around: bool) -> PyResult<Option<Bound<'py, PyDict>>> {
    let mut schema = schema.cast::<PyDict>()?.clone();
    loop {
        let kind: String = required(&schema, "type")?.extract()?;
        match kind.as_str() {
            "model" | "dataclass" => return Ok(Some(schema)),
            "function-after" | "function-before" | "function-wrap" if around => {
                schema = required(&schema, "schema")?.cast_into()?;
            }
            "definitions" => {
                let inner = required(&schema, "schema")?.cast_into::<PyDict>()?;
                if !required(&inner, "type")?.eq("definition-ref")? {
                    schema = inner;
                    continue;
                }
                let name = required(&inner, "schema_ref")?;
                let mut found = None;
                for definition in required(&schema, "definitions")?.cast::<PyList>()?.iter() {
                    if definition.get_item("ref")?.eq(&name)? {
                        found = Some(definition.cast_into::<PyDict>()?);
                        break;
                    }
                }
                match found {
                    Some(definition) => schema = definition,
                    None => return Ok(None),
                }
            }
            _ => return Ok(None),
        }
    }
}

#[derive(Default)]
pub(super) struct Compiler<'py> {
    /// Referable schemas by their `ref`, as they stand.
    pub(super) referable: HashMap<String, Bound<'py, PyDict>>,
    /// Positions of referable schemas by their `ref`.
    positions: HashMap<String, usize>,
    definitions: Vec<Option<Node>>,
    /// The configuration of the model around.
    pub(super) config: Option<Bound<'py, PyAny>>,
    /// A serializer was found that takes the model around as an argument, and where.
    pub(super) needs_model: Option<String>,
}

impl<'py> Compiler<'py> {
    pub(super) fn node(&mut self, schema: &Bound<'py, PyAny>) -> PyResult<Node> {
        let schema = schema.cast::<PyDict>()?;
        let py = schema.py();
        if let Some(serialization) = schema.get_item(intern!(py, "serialization"))? {
            if truthy(serialization.cast::<PyDict>()?, "is_field_serializer")? {
                self.needs_model = Some("a field's serializer".to_owned());
            }
            return Ok(self.general("a custom serializer", schema));
        }
        let kind: String = required(schema, "type")?.extract()?;
        if let Some((_, key)) = TRANSPARENT.iter().find(|(name, _)| *name == kind) {
            let inner = self.node(&required(schema, key)?)?;
            return Ok(match inner {
                // As a whole, so that None or a default is Pydantic's to write, too.
                Node::General(part) => self.general(&part.why, schema),
                inner if kind == "nullable" => Node::Nullable(Box::new(inner)),
                inner => inner,
            });
        }
        match kind.as_str() {
            "str" => Ok(Node::Str),
            "int" => Ok(Node::Int),
            "float" => Ok(Node::Float),
            "bool" => Ok(Node::Bool),
            "none" => Ok(Node::None),
            "any" => Ok(Node::Any),
            "bytes" => Ok(Node::Bytes),
            "date" => Ok(Node::Date),
            "datetime" => Ok(Node::DateTime),
            "decimal" => Ok(Node::Decimal(address(schema.py(), "decimal", "Decimal")?)),
            "time" => Ok(Node::Time),
            "uuid" => Ok(Node::Uuid(address(schema.py(), "uuid", "UUID")?)),
            "enum" => self.enumeration(schema),
            "list" => self.members(schema, Node::List),
            "set" => self.members(schema, Node::Set),
            "frozenset" => self.members(schema, Node::FrozenSet),
            "tuple" => self.tuple(schema),
            "dict" => self.dict(schema),
            "literal" => self.literal(schema),
            "model" => self.model(schema),
            "dataclass" => self.dataclass(schema),
            "typed-dict" => self.typed_dict(schema),
            "union" => self.union(schema),
            "tagged-union" => self.tagged_union(schema),
            "definitions" => self.definitions(schema),
            "definition-ref" => {
                let name: String = required(schema, "schema_ref")?.extract()?;
                Ok(Node::Definition(self.position(name)))
            }
            kind => Ok(self.general(&format!("schema kind '{kind}'"), schema)),
        }
    }

    /// A part that Pydantic writes.
    pub(super) fn general(&self, why: &str, schema: &Bound<'py, PyDict>) -> Node {
        Node::General(Arc::new(self.part(why, schema)))
    }

    pub(super) fn part(&self, why: &str, schema: &Bound<'py, PyDict>) -> Part {
        Part::new(why.to_owned(), schema, self.config.as_ref())
    }

    fn position(&mut self, name: String) -> usize {
        let next = self.definitions.len();
        let position = *self.positions.entry(name).or_insert(next);
        if position == next {
            self.definitions.push(None);
        }
        position
    }

    fn definitions(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let definitions = required(schema, "definitions")?.cast_into::<PyList>()?;
        for definition in &definitions {
            let definition = definition.cast_into::<PyDict>()?;
            self.referable
                .insert(required(&definition, "ref")?.extract()?, definition);
        }
        for definition in definitions {
            let name: String = required(definition.cast::<PyDict>()?, "ref")?.extract()?;
            let position = self.position(name);
            let node = self.node(&definition)?;
            self.definitions[position] = Some(node);
        }
        self.node(&required(schema, "schema")?)
    }

    /// Members of one kind. A call of Pydantic's for each would take longer than one for all.
    fn members(
        &mut self,
        schema: &Bound<'py, PyDict>,
        make: fn(Box<Node>) -> Node,
    ) -> PyResult<Node> {
        let inner = match schema.get_item("items_schema")? {
            Some(items) => self.node(&items)?,
            None => Node::Any,
        };
        Ok(match inner {
            Node::General(part) => self.general(&part.why, schema),
            inner => make(Box::new(inner)),
        })
    }

    fn tuple(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let items = required(schema, "items_schema")?.cast_into::<PyList>()?;
        let mut nodes = Vec::new();
        for item in &items {
            match self.node(&item)? {
                Node::General(part) => return Ok(self.general(&part.why, schema)),
                node => nodes.push(node),
            }
        }
        match schema.get_item("variadic_item_index")? {
            None => Ok(Node::Positions(nodes)),
            Some(_) if nodes.len() == 1 => Ok(Node::Tuple(Box::new(nodes.remove(0)))),
            Some(_) => Ok(self.general("a tuple with variadic members among others", schema)),
        }
    }

    fn dict(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        if let Some(keys) = schema.get_item("keys_schema")?
            && !matches!(self.node(&keys)?, Node::Str | Node::Any)
        {
            return Ok(self.general("a dict with keys other than str", schema));
        }
        let inner = match schema.get_item("values_schema")? {
            Some(values) => self.node(&values)?,
            None => Node::Any,
        };
        Ok(match inner {
            Node::General(part) => self.general(&part.why, schema),
            inner => Node::Dict(Box::new(inner)),
        })
    }

    fn enumeration(&self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let class = required(schema, "cls")?.cast_into::<PyType>()?;
        let name = class.qualname()?.to_string();
        Ok(if enum_is_plain(&class)? {
            Node::Enum(class.as_ptr() as usize, name)
        } else {
            self.general(&format!("{name}: replaces value"), schema)
        })
    }

    fn literal(&self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let mut members = Vec::new();
        for member in required(schema, "expected")?.cast::<PyList>()?.iter() {
            if let Ok(text) = member.cast_exact::<PyString>() {
                members.push(Literal::Str(text.to_str()?.into()));
            } else if let Ok(number) = member.cast_exact::<PyInt>()
                && let Ok(number) = number.extract()
            {
                members.push(Literal::Int(number));
            } else if !member.is_none() {
                return Ok(self.general("a literal with other members than str and int", schema));
            }
        }
        Ok(Node::Literal(members))
    }
}

fn address(py: Python<'_>, module: &str, name: &str) -> PyResult<usize> {
    Ok(py.import(module)?.getattr(name)?.as_ptr() as usize)
}

pub(super) fn required<'py>(schema: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyAny>> {
    schema.as_any().get_item(key)
}

pub(super) fn truthy(schema: &Bound<'_, PyDict>, key: &str) -> PyResult<bool> {
    match schema.get_item(key)? {
        Some(value) => value.is_truthy(),
        None => Ok(false),
    }
}
