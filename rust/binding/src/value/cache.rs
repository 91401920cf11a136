//! One plan per class, for values that have no declared type.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyCFunction, PyType, PyWeakrefReference};

use super::{Plan, compile};

/// A model class, as a value without a declared type meets it.
pub(crate) struct ClassPlan {
    pub(crate) plan: Plan,
    /// `model_dump` is Pydantic's own: `jsonable_encoder` calls it.
    pub(crate) dumps_plainly: bool,
    /// `model_dump_json` is Pydantic's own: FastAPI calls it for the data of an event.
    pub(crate) writes_plainly: bool,
}

/// A plan is good for the class as it is now: `model_rebuild` replaces its serializer.
struct Entry {
    serializer: usize,
    plan: Option<Arc<ClassPlan>>,
    /// Removes the entry when the class is gone, before its address can be used again.
    _gone: Py<PyWeakrefReference>,
}

/// By the class's address. Never locked while Python code runs.
static PLANS: Mutex<Option<HashMap<usize, Entry>>> = Mutex::new(None);

/// The plan of the value's class, if that is a Pydantic model with a complete schema.
pub(crate) fn plan_of(value: &Bound<'_, PyAny>) -> PyResult<Option<Arc<ClassPlan>>> {
    let py = value.py();
    let class = value.get_type();
    let Some(serializer) = class.getattr_opt(intern!(py, "__pydantic_serializer__"))? else {
        return Ok(None);
    };
    let address = class.as_ptr() as usize;
    let version = serializer.as_ptr() as usize;
    {
        let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = plans.as_ref().and_then(|plans| plans.get(&address))
            && entry.serializer == version
        {
            return Ok(entry.plan.clone());
        }
    }
    // A model that is built lazily has a mock here until its first use.
    if serializer.get_type().name()? != "SchemaSerializer" {
        return Ok(None);
    }
    let Some(schema) = class.getattr_opt(intern!(py, "__pydantic_core_schema__"))? else {
        return Ok(None);
    };
    // A schema that is not shaped as documented has no plan; that is not the user's error.
    let plan = match compile(&schema) {
        Ok(plan) => Some(Arc::new(ClassPlan {
            // A field of that name would be what `instance.model_dump` finds.
            dumps_plainly: is_pydantics(&class, "model_dump")? && !plan.has_field("model_dump"),
            writes_plainly: is_pydantics(&class, "model_dump_json")?
                && !plan.has_field("model_dump_json"),
            plan,
        })),
        Err(_) => None,
    };
    let forget = PyCFunction::new_closure(py, None, None, move |_arguments, _keywords| {
        let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = plans.as_mut().and_then(|plans| plans.remove(&address));
        drop(plans);
        drop(entry);
    })?;
    let gone = PyWeakrefReference::new_with(&class, forget)?.unbind();
    let entry = Entry {
        serializer: version,
        plan: plan.clone(),
        _gone: gone,
    };
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let replaced = plans.get_or_insert_default().insert(address, entry);
    drop(plans);
    drop(replaced); // outside the lock: it may run Python code
    Ok(plan)
}

/// Whether the class has not replaced a method of `pydantic.BaseModel`.
fn is_pydantics(class: &Bound<'_, PyType>, method: &str) -> PyResult<bool> {
    static BASE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let base = BASE.import(class.py(), "pydantic", "BaseModel")?;
    Ok(match class.getattr_opt(method)? {
        Some(own) => own.is(&base.getattr(method)?),
        None => false,
    })
}
