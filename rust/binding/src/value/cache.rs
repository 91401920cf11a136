//! One plan per class, for values that have no declared type.
//!
//! The plan is kept in the metadata of the class's own core schema, where libraries may keep what
//! they like. So it lives as long as the schema it was made from: a class that is rebuilt has a
//! new schema and gets a new plan, and a class that nobody uses any more is not kept alive. (A
//! table by the class's address was tried: the address of a freed serializer is soon used again,
//! and a table that holds the serializer keeps the class alive.)

use std::ops::Deref;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit};

use super::{Plan, compile};

/// The plan of one schema of one class (private).
#[pyclass(frozen, weakref, module = "eventwire._core", name = "_ClassPlan")]
pub(super) struct Kept {
    plan: Plan,
    /// The addresses of what it was made from: a copied schema has no plan of its own.
    schema: usize,
    class: usize,
}

#[pymethods]
impl Kept {
    /// Copied or pickled with a class it becomes None, and is made anew.
    #[expect(clippy::unused_self, reason = "a method of Python's")]
    fn __reduce__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let none = py.None().into_bound(py).get_type();
        (none, PyTuple::empty(py)).into_pyobject(py)
    }

    /// What the plan refers to refers back, by the schema that this is kept in; the collector
    /// breaks the loop at one of its dicts.
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.plan.traverse(&visit)
    }
}

/// A class's plan, in use.
pub(super) struct ClassPlan<'py>(Bound<'py, Kept>);

impl Deref for ClassPlan<'_> {
    type Target = Plan;

    fn deref(&self) -> &Plan {
        &self.0.get().plan
    }
}

/// A class's plan, kept alive by nothing but the schema. (A reference of Python's and not a
/// `std::sync::Weak`, whose atomic counting takes 10 of the 200 ns of a chat chunk.)
pub(super) struct WeakPlan(Py<PyWeakrefReference>);

impl WeakPlan {
    pub(super) fn new(plan: &ClassPlan<'_>) -> PyResult<Self> {
        Ok(Self(PyWeakrefReference::new(&plan.0)?.unbind()))
    }

    /// None: gone with the schema that it was made from.
    #[inline]
    pub(super) fn get<'py>(&self, py: Python<'py>) -> Option<ClassPlan<'py>> {
        let kept = self.0.bind(py).upgrade()?;
        kept.cast_into_exact().ok().map(ClassPlan)
    }
}

/// The plan of the value's class, if that is a Pydantic model with a complete schema.
///
/// Whatever goes wrong on the way there is the general path's to say.
pub(super) fn plan_of<'py>(value: &Bound<'py, PyAny>) -> Option<ClassPlan<'py>> {
    let py = value.py();
    let class = value.get_type();
    let schema = class
        .getattr_opt(intern!(py, "__pydantic_core_schema__"))
        .ok()??;
    // A model that is built lazily has a mock here until its first use.
    let schema = schema.cast_exact::<PyDict>().ok()?;
    let metadata = if let Some(metadata) = schema.get_item(intern!(py, "metadata")).ok()? {
        metadata.cast_into_exact::<PyDict>().ok()?
    } else {
        let metadata = PyDict::new(py);
        schema.set_item(intern!(py, "metadata"), &metadata).ok()?;
        metadata
    };
    // A subclass of a dataclass that Pydantic made has the same schema.
    let key = format!("eventwire_plan_{:x}", class.as_ptr() as usize);
    let addresses = (schema.as_ptr() as usize, class.as_ptr() as usize);
    if let Ok(Some(kept)) = metadata.get_item(&key)
        && let Ok(kept) = kept.cast_into_exact::<Kept>()
        && (kept.get().schema, kept.get().class) == addresses
    {
        return Some(ClassPlan(kept));
    }
    // A schema that is not shaped as documented has no plan; that is not the user's error.
    let kept = Kept {
        plan: compile(schema.as_any(), None).ok()?,
        schema: addresses.0,
        class: addresses.1,
    };
    let kept = Bound::new(py, kept).ok()?;
    metadata.set_item(key, &kept).ok()?;
    Some(ClassPlan(kept))
}
