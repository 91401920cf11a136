//! Unions as parts of a plan: which member takes a value must be known by its class or its tag.

use std::collections::{HashMap, HashSet};

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};

use super::class::has_plain_attributes;
use super::compile::{Compiler, required};
use super::plan::{Node, Tagged, Union};

impl<'py> Compiler<'py> {
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

    pub(super) fn union(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let mut members = Vec::new();
        let mut classes = Vec::new();
        for choice in required(schema, "choices")?.cast::<PyList>()?.iter() {
            // A choice may be given with a label: (schema, label).
            let choice = match choice.cast::<PyTuple>() {
                Ok(labelled) => labelled.get_item(0)?,
                Err(_) => choice,
            };
            classes.push(self.class(choice.cast::<PyDict>()?)?);
            match self.node(&choice)? {
                // Whether it takes a value is not to be known from outside.
                Node::General(part) if classes.last().is_none_or(Option::is_none) => {
                    return Ok(self.general(&format!("a union with {}", part.why), schema));
                }
                node => members.push(node),
            }
        }
        let by_class = first_by_class(&members, &classes);
        // A general member is only for the values that are known to be its own.
        if members
            .iter()
            .any(|member| matches!(member, Node::General(_)))
            && by_class.len() < members.len()
        {
            return Ok(self.general("a union with a member that is not compiled", schema));
        }
        Ok(Node::Union(Union { members, by_class }))
    }

    pub(super) fn tagged_union(&mut self, schema: &Bound<'py, PyDict>) -> PyResult<Node> {
        let discriminator = required(schema, "discriminator")?;
        let Ok(discriminator) = discriminator.cast_exact::<PyString>() else {
            return Ok(self.general("a discriminator that is computed", schema));
        };
        let mut tagged = Tagged {
            discriminator: PyString::intern(schema.py(), discriminator.to_str()?).unbind(),
            tags: HashMap::new(),
            members: Vec::new(),
        };
        for (tag, choice) in required(schema, "choices")?.cast::<PyDict>()?.iter() {
            let class = match choice.cast::<PyDict>() {
                Ok(choice) => self.class(choice)?,
                Err(_) => None,
            };
            let (Ok(tag), Some(class)) = (tag.cast_exact::<PyString>(), class) else {
                return Ok(self.general("a discriminated union of other than models", schema));
            };
            let class = class.cast_into::<PyType>()?;
            if !has_plain_attributes(&class)? {
                return Ok(self.general("a member that replaces __getattribute__", schema));
            }
            let node = self.node(&choice)?;
            let entry = (class.as_ptr() as usize, tagged.members.len());
            tagged.tags.insert(tag.to_str()?.into(), entry);
            tagged.members.push(node);
        }
        Ok(Node::Tagged(Box::new(tagged)))
    }
}

/// Where an instance of exactly this class fits first. Only while every member before it is a
/// model, and none is a base of this class.
fn first_by_class(members: &[Node], classes: &[Option<Bound<'_, PyAny>>]) -> HashMap<usize, usize> {
    let mut by_class = HashMap::new();
    let mut earlier = HashSet::new();
    for (position, (member, class)) in members.iter().zip(classes).enumerate() {
        let (Node::Model(_) | Node::Definition(_) | Node::General(_), Some(class)) =
            (member, class)
        else {
            break;
        };
        let fits_earlier = class.cast::<PyType>().is_ok_and(|class| {
            class
                .mro()
                .iter()
                .any(|base| earlier.contains(&(base.as_ptr() as usize)))
        });
        if !fits_earlier {
            by_class.insert(class.as_ptr() as usize, position);
        }
        earlier.insert(class.as_ptr() as usize);
    }
    by_class
}
