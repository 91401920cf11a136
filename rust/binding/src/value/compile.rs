//! From a Pydantic core schema to a plan.
//!
//! Whatever is not known to be written the way a plan writes it becomes [`Node::Unknown`] with the
//! reason, so that an item which reaches it takes the general path. Schemas are read as
//! `pydantic_core.core_schema` documents them; unknown keys that change the serialization
//! (`serialization`, `computed_fields`, `serialization_exclude_if`, `ser_json_*` in the
//! configuration) count as unknown.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use eventwire_core::json::{self, Escape};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyList, PyString, PyTuple, PyType};

use super::plan::{Field, ModelPlan, Node, Plan, Union};

/// Schemas that are validated in some way and serialized as their inner schema.
const TRANSPARENT: [&str; 4] = [
    "default",
    "function-after",
    "function-before",
    "function-wrap",
];

/// Compiles a core schema (a dict); fails only if it is not shaped like one.
pub(crate) fn compile(schema: &Bound<'_, PyAny>) -> PyResult<Plan> {
    let mut compiler = Compiler::default();
    let root = compiler.node(schema)?;
    let mut definitions = Vec::new();
    for node in compiler.definitions {
        definitions.push(node.unwrap_or_else(|| Node::Unknown("unresolved reference".into())));
    }
    let unvalidated = unvalidated_class(schema)?;
    Ok(Plan {
        root,
        definitions,
        unvalidated,
    })
}

/// The class whose exact instances Pydantic takes as they are: the schema is the model itself,
/// without a validator around it, and its instances are never revalidated.
fn unvalidated_class(schema: &Bound<'_, PyAny>) -> PyResult<Option<usize>> {
    let mut schema = schema.cast::<PyDict>()?.clone();
    loop {
        let kind: String = required(&schema, "type")?.extract()?;
        match kind.as_str() {
            "model" => break,
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
    Ok(Some(required(&schema, "cls")?.as_ptr() as usize))
}

#[derive(Default)]
struct Compiler<'py> {
    /// Referable schemas by their `ref`, as they stand.
    referable: HashMap<String, Bound<'py, PyDict>>,
    /// Positions of referable schemas by their `ref`.
    positions: HashMap<String, usize>,
    definitions: Vec<Option<Node>>,
}

impl<'py> Compiler<'py> {
    fn node(&mut self, schema: &Bound<'py, PyAny>) -> PyResult<Node> {
        let Ok(schema) = schema.cast::<PyDict>() else {
            return Ok(unknown("a schema that is not a dict"));
        };
        let py = schema.py();
        if schema.contains(intern!(py, "serialization"))? {
            return Ok(unknown("a custom serializer"));
        }
        let kind: String = required(schema, "type")?.extract()?;
        match kind.as_str() {
            "str" => Ok(Node::Str),
            "int" => Ok(Node::Int),
            "float" => Ok(Node::Float),
            "bool" => Ok(Node::Bool),
            "none" => Ok(Node::None),
            "any" => Ok(Node::Any),
            "nullable" => Ok(Node::Nullable(Box::new(self.inner(schema)?))),
            "list" => self.list(schema),
            "dict" => self.dict(schema),
            "literal" => literal(schema),
            "model" => self.model(schema),
            "union" => self.union(required(schema, "choices")?.cast::<PyList>()?.iter()),
            "definitions" => self.definitions(schema),
            "definition-ref" => {
                let name: String = required(schema, "schema_ref")?.extract()?;
                Ok(Node::Definition(self.position(name)))
            }
            kind if TRANSPARENT.contains(&kind) => self.inner(schema),
            kind => Ok(unknown(&format!("schema kind '{kind}'"))),
        }
    }

    fn inner(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        self.node(&required(schema, "schema")?)
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
        self.inner(schema)
    }

    fn list(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let inner = match schema.get_item("items_schema")? {
            Some(items) => self.node(&items)?,
            None => Node::Any,
        };
        Ok(Node::List(Box::new(inner)))
    }

    fn dict(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        if let Some(keys) = schema.get_item("keys_schema")?
            && !matches!(self.node(&keys)?, Node::Str | Node::Any)
        {
            return Ok(unknown("a dict with keys other than str"));
        }
        let inner = match schema.get_item("values_schema")? {
            Some(values) => self.node(&values)?,
            None => Node::Any,
        };
        Ok(Node::Dict(Box::new(inner)))
    }

    /// The class of a schema that is a model, or refers to one.
    fn class(&self, schema: &Bound<'py, PyDict>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let kind = required(schema, "type")?;
        if kind.eq("definition-ref")? {
            let name: String = required(schema, "schema_ref")?.extract()?;
            return match self.referable.get(&name) {
                Some(schema) => self.class(schema),
                None => Ok(None),
            };
        }
        // A custom serializer takes values of any class.
        if kind.eq("model")? && !schema.contains("serialization")? {
            schema.get_item("cls")
        } else {
            Ok(None)
        }
    }

    fn union(&mut self, choices: impl Iterator<Item = Bound<'py, PyAny>>) -> PyResult<Node> {
        let mut members = Vec::new();
        let mut classes = Vec::new();
        for choice in choices {
            // A choice may be given with a label: (schema, label).
            let choice = match choice.cast::<PyTuple>() {
                Ok(labelled) => labelled.get_item(0)?,
                Err(_) => choice,
            };
            classes.push(self.class(choice.cast::<PyDict>()?)?);
            members.push(self.node(&choice)?);
        }
        Ok(Node::Union(Union::new(members, classes)))
    }

    fn model(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let class = required(schema, "cls")?;
        let name = class.getattr("__qualname__")?.to_string();
        if truthy(schema, "root_model")? {
            return Ok(unknown(&format!("root model {name}")));
        }
        if !has_plain_attributes(class.cast::<PyType>()?)? {
            return Ok(unknown(&format!(
                "{name}: replaces __getattribute__ or __dict__"
            )));
        }
        let mut allows_extra = false;
        if let Some(config) = schema.get_item("config")? {
            let config = config.cast::<PyDict>()?;
            for key in config.keys() {
                let key: String = key.extract()?;
                if key.starts_with("ser_json") || key == "serialize_by_alias" {
                    return Ok(unknown(&format!("{name}: its configuration sets {key}")));
                }
            }
            allows_extra = match config.get_item("extra_fields_behavior")? {
                Some(behaviour) => behaviour.eq("allow")?,
                None => false,
            };
        }
        // Model validators wrap the fields.
        let mut inner = required(schema, "schema")?;
        loop {
            let wrapped = inner.cast::<PyDict>()?.clone();
            if wrapped.contains("serialization")? {
                return Ok(unknown(&format!("{name}: a custom serializer")));
            }
            let kind: String = required(&wrapped, "type")?.extract()?;
            if kind == "model-fields" {
                break;
            }
            if !TRANSPARENT.contains(&kind.as_str()) {
                return Ok(unknown(&format!("{name}: schema kind '{kind}'")));
            }
            inner = required(&wrapped, "schema")?;
        }
        let inner = inner.cast::<PyDict>()?;
        if truthy(inner, "computed_fields")? {
            return Ok(unknown(&format!("{name}: computed fields")));
        }
        if let Some(behaviour) = inner.get_item("extra_behavior")? {
            allows_extra |= behaviour.eq("allow")?;
        }
        let mut fields = Vec::new();
        for (field, definition) in required(inner, "fields")?.cast::<PyDict>()?.iter() {
            fields.push(self.field(field.cast::<PyString>()?, definition.cast::<PyDict>()?)?);
        }
        let mut aliases = HashSet::new();
        let mut names = Vec::new();
        for field in &fields {
            names.push(field.name.bind(schema.py()).to_str()?.into());
            if !aliases.insert(&field.by_alias[0]) {
                return Ok(unknown(&format!("{name}: two fields have one alias")));
            }
        }
        let model = ModelPlan {
            names,
            name,
            class: class.as_ptr() as usize,
            fields,
            allows_extra,
        };
        Ok(Node::Model(Arc::new(model)))
    }

    fn field(
        &mut self,
        name: &Bound<'py, PyString>,
        definition: &Bound<'py, PyDict>,
    ) -> PyResult<Field> {
        let alias = match definition.get_item("serialization_alias")? {
            Some(alias) if !alias.is_none() => alias.cast_into::<PyString>()?,
            _ => name.clone(),
        };
        let node = if definition.contains("serialization_exclude_if")? {
            Node::Unknown(format!("field {name}: excluded by a condition"))
        } else if definition.contains("serialization")? {
            Node::Unknown(format!("field {name}: a custom serializer"))
        } else {
            self.node(&required(definition, "schema")?)?
        };
        // jsonable_encoder leaves such keys out; a plan does not know of it.
        let node = if alias.to_str()?.starts_with("_sa") {
            Node::Unknown(format!("field {name}: its key starts with '_sa'"))
        } else {
            node
        };
        Ok(Field {
            by_name: keys(name.to_str()?),
            by_alias: keys(alias.to_str()?),
            name: interned(name).unbind(),
            excluded: truthy(definition, "serialization_exclude")?,
            node,
        })
    }
}

/// Whether an instance's `__dict__` is its attributes and nothing else.
fn has_plain_attributes(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let object = py.get_type::<PyAny>();
    if !class
        .getattr("__getattribute__")?
        .is(&object.getattr("__getattribute__")?)
    {
        return Ok(false);
    }
    for base in class.mro() {
        let own = base.getattr("__dict__")?;
        if let Ok(descriptor) = own.get_item("__dict__")
            && descriptor.get_type().name()? != "getset_descriptor"
        {
            return Ok(false);
        }
    }
    Ok(true)
}

/// `"key":` for both dialects.
fn keys(key: &str) -> [Box<[u8]>; 2] {
    let mut compact = Vec::new();
    json::string(&mut compact, key, Escape::Utf8);
    compact.push(b':');
    let mut spaced = Vec::new();
    json::string(&mut spaced, key, Escape::Ascii);
    spaced.extend_from_slice(b": ");
    [compact.into(), spaced.into()]
}

/// The one object by this text that the keys of every instance's `__dict__` are.
fn interned<'py>(name: &Bound<'py, PyString>) -> Bound<'py, PyString> {
    PyString::intern(name.py(), &name.to_string_lossy())
}

fn literal(schema: &Bound<'_, PyDict>) -> PyResult<Node> {
    let mut members = Vec::new();
    for member in required(schema, "expected")?.cast::<PyList>()?.iter() {
        let Ok(text) = member.cast_exact::<PyString>() else {
            return Ok(unknown("a literal with members other than str"));
        };
        members.push(text.to_str()?.into());
    }
    Ok(Node::Literal(members))
}

fn unknown(why: &str) -> Node {
    Node::Unknown(why.to_owned())
}

fn required<'py>(schema: &Bound<'py, PyDict>, key: &str) -> PyResult<Bound<'py, PyAny>> {
    schema.as_any().get_item(key)
}

fn truthy(schema: &Bound<'_, PyDict>, key: &str) -> PyResult<bool> {
    match schema.get_item(key)? {
        Some(value) if value.is_exact_instance_of::<PyBool>() => value.extract(),
        Some(value) => value.is_truthy(),
        None => Ok(false),
    }
}
