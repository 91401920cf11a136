//! From the schema of a class with fields to its plan: models, root models, dataclasses, and
//! TypedDicts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use eventwire_core::json::{self, Escape};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};

use super::class::{has_plain_attributes, is_described};
use super::compile::{Compiler, required, truthy};
use super::plan::{Field, Keys, Kind, Model, Node, Root, Takes, TypedDict};

/// What validates the fields of a model, around them.
const AROUND: [&str; 4] = [
    "function-after",
    "function-before",
    "function-wrap",
    "default",
];

impl<'py> Compiler<'py> {
    pub(super) fn model(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let class = required(schema, "cls")?.cast_into::<PyType>()?;
        let name = class.qualname()?.to_string();
        let general = |why: String| Ok(self.general(&format!("{name}: {why}"), schema));
        if !has_plain_attributes(&class)? {
            return general("replaces __getattribute__ or __dict__".into());
        }
        let config = schema.get_item("config")?;
        if let Some(key) = serializing_key(config.as_ref())? {
            return general(format!("its configuration sets {key}"));
        }
        if truthy(schema, "root_model")? {
            let inner = self.inside(config, |compiler| {
                compiler.node(&required(schema, "schema")?)
            })?;
            return Ok(match inner {
                Ok(Node::General(part)) => self.general(&format!("{name}: {}", part.why), schema),
                Ok(node) => Node::Root(Box::new(Root {
                    name,
                    class: class.as_ptr() as usize,
                    node,
                })),
                Err(why) => self.general(&format!("{name}: {why}"), schema),
            });
        }
        // Model validators wrap the fields.
        let mut inner = required(schema, "schema")?.cast_into::<PyDict>()?;
        loop {
            if inner.contains("serialization")? {
                return general("a custom serializer".into());
            }
            let kind: String = required(&inner, "type")?.extract()?;
            if kind == "model-fields" {
                break;
            }
            if !AROUND.contains(&kind.as_str()) {
                return general(format!("schema kind '{kind}'"));
            }
            inner = required(&inner, "schema")?.cast_into::<PyDict>()?;
        }
        if truthy(&inner, "computed_fields")? {
            return general("computed fields".into());
        }
        if inner.contains("extras_schema")? {
            return general("typed extra fields".into());
        }
        let allows_extra = match inner.get_item("extra_behavior")? {
            Some(behaviour) => behaviour.eq("allow")?,
            None => match &config {
                Some(config) => match config.cast::<PyDict>()?.get_item("extra_fields_behavior")? {
                    Some(behaviour) => behaviour.eq("allow")?,
                    None => false,
                },
                None => false,
            },
        };
        let definitions = required(&inner, "fields")?.cast_into::<PyDict>()?;
        let fields = self.inside(config, |compiler| {
            let mut fields = Vec::new();
            for (field, definition) in definitions.iter() {
                let definition = definition.cast_into::<PyDict>()?;
                fields.push(compiler.field(field.cast::<PyString>()?, &definition)?);
            }
            Ok(fields)
        })?;
        Ok(self.with_fields(schema, &class, name, fields, Kind::Model { allows_extra }))
    }

    pub(super) fn dataclass(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let class = required(schema, "cls")?.cast_into::<PyType>()?;
        let name = class.qualname()?.to_string();
        let general = |why: &str| Ok(self.general(&format!("{name}: {why}"), schema));
        if truthy(schema, "slots")? || !has_plain_attributes(&class)? {
            return general("has slots, or replaces __getattribute__ or __dict__");
        }
        let config = schema.get_item("config")?;
        if let Some(key) = serializing_key(config.as_ref())? {
            return general(&format!("its configuration sets {key}"));
        }
        let mut inner = required(schema, "schema")?.cast_into::<PyDict>()?;
        loop {
            if inner.contains("serialization")? {
                return general("a custom serializer");
            }
            let kind: String = required(&inner, "type")?.extract()?;
            if kind == "dataclass-args" {
                break;
            }
            if !AROUND.contains(&kind.as_str()) {
                return general(&format!("schema kind '{kind}'"));
            }
            inner = required(&inner, "schema")?.cast_into::<PyDict>()?;
        }
        if truthy(&inner, "computed_fields")? || inner.contains("extra_behavior")? {
            return general("computed fields or extra fields");
        }
        let definitions = required(&inner, "fields")?.cast_into::<PyList>()?;
        let mut names = Vec::new();
        for definition in &definitions {
            let definition = definition.cast_into::<PyDict>()?;
            let field = required(&definition, "name")?.cast_into::<PyString>()?;
            if is_described(&class, &field)? || truthy(&definition, "init_only")? {
                return general("a field that is a descriptor or only for __init__");
            }
            names.push((field, definition));
        }
        let written = required(schema, "fields")?;
        if written.len()? != names.len() {
            return general("fields that are not in its schema");
        }
        for (position, (field, _)) in names.iter().enumerate() {
            if !written.get_item(position)?.eq(field)? {
                return general("fields in another order");
            }
        }
        let fields = self.inside(config, |compiler| {
            let mut fields = Vec::new();
            for (field, definition) in &names {
                fields.push(compiler.field(field, definition)?);
            }
            Ok(fields)
        })?;
        Ok(self.with_fields(schema, &class, name, fields, Kind::Dataclass))
    }

    pub(super) fn typed_dict(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let name = match schema.get_item("cls")? {
            Some(class) => class.getattr("__qualname__")?.to_string(),
            None => "TypedDict".to_owned(),
        };
        let config = schema.get_item("config")?;
        let extra = match schema.get_item("extra_behavior")? {
            Some(behaviour) => behaviour.eq("allow")?,
            None => config.is_some(),
        };
        if extra
            || truthy(schema, "computed_fields")?
            || serializing_key(config.as_ref())?.is_some()
        {
            return Ok(self.general(&format!("{name}: extra or computed fields"), schema));
        }
        let total = match schema.get_item("total")? {
            Some(total) => total.is_truthy()?,
            None => true,
        };
        let definitions = required(schema, "fields")?.cast_into::<PyDict>()?;
        let mut is_required = Vec::new();
        // Its configuration does not reach the serializers of its fields: the one around does.
        let config = self.config.clone();
        let fields = self.inside(config, |compiler| {
            let mut fields = Vec::new();
            for (field, definition) in definitions.iter() {
                let definition = definition.cast_into::<PyDict>()?;
                is_required.push(match definition.get_item("required")? {
                    Some(required) => required.is_truthy()?,
                    None => total,
                });
                fields.push(compiler.field(field.cast::<PyString>()?, &definition)?);
            }
            Ok(fields)
        })?;
        let fields = match fields {
            Ok(fields) if !is_too_general(&fields) => fields,
            Ok(_) => return Ok(self.general(&format!("{name}: mostly not compiled"), schema)),
            Err(why) => return Ok(self.general(&format!("{name}: {why}"), schema)),
        };
        let by_key: HashMap<Box<str>, usize> = fields
            .iter()
            .enumerate()
            .map(|(position, field)| (field.keys.texts[0].clone(), position))
            .collect();
        Ok(Node::TypedDict(Box::new(TypedDict {
            name,
            by_key,
            fields,
            required: is_required.iter().filter(|required| **required).count(),
            is_required,
        })))
    }

    /// Compiles what stands inside a class. The inner result is the reason if something inside
    /// needs the instance itself.
    fn inside<T>(
        &mut self,
        config: Option<Bound<'py, PyAny>>,
        compile: impl FnOnce(&mut Self) -> PyResult<T>,
    ) -> PyResult<Result<T, String>> {
        let outer = (
            std::mem::replace(&mut self.config, config),
            self.needs_model.take(),
        );
        let result = compile(self);
        let needs_model = std::mem::replace(&mut self.needs_model, outer.1);
        self.config = outer.0;
        let inner = result?;
        Ok(needs_model.map_or(Ok(inner), Err))
    }

    fn with_fields(
        &self,
        schema: &Bound<'py, PyDict>,
        class: &Bound<'py, PyType>,
        name: String,
        fields: Result<Vec<Field>, String>,
        kind: Kind,
    ) -> Node {
        let fields = match fields {
            Ok(fields) => fields,
            Err(why) => return self.general(&format!("{name}: {why}"), schema),
        };
        let mut aliases = HashSet::new();
        for field in &fields {
            if !aliases.insert(&field.keys.texts[1]) {
                return self.general(&format!("{name}: two fields have one alias"), schema);
            }
            // jsonable_encoder leaves such keys out; a plan does not know of it.
            if field.keys.texts.iter().any(|key| key.starts_with("_sa")) {
                return self.general(&format!("{name}: a key starts with '_sa'"), schema);
            }
        }
        if is_too_general(&fields) {
            return self.general(&format!("{name}: {}", reasons(&fields)), schema);
        }
        Node::Model(Box::new(Model {
            name,
            class: class.as_ptr() as usize,
            fields,
            kind,
        }))
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
        if definition.contains("serialization_exclude_if")? {
            self.needs_model = Some(format!("field {name} is excluded by a condition"));
        }
        let schema = required(definition, "schema")?.cast_into::<PyDict>()?;
        let outer = self.needs_model.take();
        let node = self.node(&schema)?;
        if self.needs_model.is_some() {
            self.needs_model = Some(format!(
                "field {name} has a serializer that takes the model"
            ));
        } else {
            self.needs_model = outer;
        }
        let part = match node {
            Node::General(_) => None,
            _ => Some(Arc::new(self.part("", &schema))),
        };
        Ok(Field {
            keys: keys(name.to_str()?, alias.to_str()?),
            // The one object by this text that the keys of every instance's `__dict__` are.
            name: PyString::intern(name.py(), name.to_str()?).unbind(),
            excluded: truthy(definition, "serialization_exclude")?,
            takes: Takes::of(&node),
            node,
            part,
        })
    }
}

/// Whether one call of Pydantic's for the whole takes less time than one for each part that is not
/// compiled: about 0.4 µs a call and 0.06 µs a value, beside 0.02 µs for a compiled value.
fn is_too_general(fields: &[Field]) -> bool {
    fn values(node: &Node) -> usize {
        1 + node.children().into_iter().map(values).sum::<usize>()
    }
    let (mut general, mut compiled) = (0, 0);
    for field in fields.iter().filter(|field| !field.excluded) {
        match &field.node {
            Node::General(_) => general += 1,
            node => compiled += values(node),
        }
    }
    general > 0 && general * 40 > 40 + 6 * general + 4 * compiled
}

fn reasons(fields: &[Field]) -> String {
    let of_field = |field: &Field| match &field.node {
        Node::General(part) => Some(format!("field {}: {}", field.name, part.why)),
        _ => None,
    };
    fields
        .iter()
        .filter_map(of_field)
        .collect::<Vec<_>>()
        .join("; ")
}

/// A key of the configuration that changes how values are serialized.
fn serializing_key(config: Option<&Bound<'_, PyAny>>) -> PyResult<Option<String>> {
    let Some(config) = config else {
        return Ok(None);
    };
    for key in config.cast::<PyDict>()?.keys() {
        let key: String = key.extract()?;
        if key.starts_with("ser_json") || key == "serialize_by_alias" {
            return Ok(Some(key));
        }
    }
    Ok(None)
}

fn keys(name: &str, alias: &str) -> Keys {
    let separated = |key: &str| key.contains(['\u{85}', '\u{2028}', '\u{2029}']);
    Keys {
        by_name: encoded(name),
        by_alias: encoded(alias),
        separated: separated(name) || separated(alias),
        texts: [name.into(), alias.into()],
    }
}

/// `,"key":` for both dialects; the first key is written without the comma.
fn encoded(key: &str) -> [Box<[u8]>; 2] {
    let mut compact = vec![b','];
    json::string(&mut compact, key, Escape::Utf8);
    compact.push(b':');
    let mut spaced = vec![b',', b' '];
    json::string(&mut spaced, key, Escape::Ascii);
    spaced.extend_from_slice(b": ");
    [compact.into(), spaced.into()]
}
