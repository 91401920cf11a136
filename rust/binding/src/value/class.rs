//! What is known of a class: found out at its first value, and kept while the class is as it was.
//!
//! Everything here follows from attributes of the class and of its bases, so it holds as long as
//! the class's version does (see [`class_version`]). What may change besides, such as FastAPI's
//! table of encoders, is looked up for each value.

use std::cell::RefCell;
use std::rc::Rc;

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

use crate::event::{EventKind, event_kind};
use crate::raw::class_version;

use super::cache::{ClassPlan, WeakPlan, plan_of};
use super::plan::Plan;

pub(crate) struct Class {
    /// Whether its objects are events; None: looking at it failed, ask again for the error.
    pub(crate) event: Option<EventKind>,
    pub(super) shape: Shape,
}

/// How values of the class are written; of subclasses only where it says so.
pub(super) enum Shape {
    /// A Pydantic model.
    Model(ModelClass),
    /// A dataclass whose fields are found in its instances' `__dict__`.
    Dataclass(DataclassClass),
    /// An enum whose members' `value` is the one of `enum.Enum`.
    Enum {
        /// Members are `str`, `int` or the like, too.
        mixed: bool,
        /// `copy.deepcopy` gives the member itself.
        singular: bool,
    },
    Bytes,
    Date,
    DateTime,
    Decimal,
    Deque,
    FrozenSet,
    Path,
    PurePath,
    Set,
    Time,
    TimeDelta,
    Uuid,
    /// A subclass of `tuple` that is iterated like one, such as named tuples.
    Tuple,
    /// A plain subclass of `str`, `int` or `float`: neither enum, dataclass nor model.
    Str,
    Int,
    Float,
    /// None of these, nor of the others that `jsonable_encoder` looks for: its table may know it.
    Other,
    /// The general path's.
    Opaque,
}

pub(super) struct ModelClass {
    plan: WeakPlan,
    /// `model_dump` and `model_dump_json` are the ones of `pydantic.BaseModel`.
    pub(super) own_dump: bool,
    pub(super) own_dump_json: bool,
}

impl Class {
    /// Whether it knew a plan that is gone: another schema has taken its place.
    fn is_stale(&self, py: Python<'_>) -> bool {
        match &self.shape {
            Shape::Model(model) => model.plan(py).is_none(),
            Shape::Dataclass(class) => class.plan.is_some() && class.plan(py).is_none(),
            _ => false,
        }
    }
}

impl ModelClass {
    /// The plan; gone with the schema it was made from.
    #[inline]
    pub(super) fn plan<'py>(&self, py: Python<'py>) -> Option<ClassPlan<'py>> {
        self.plan.get(py)
    }
}

pub(super) struct DataclassClass {
    pub(super) names: Vec<Py<PyString>>,
    /// Made by Pydantic, with a serializer of its own.
    pub(super) is_pydantics: bool,
    plan: Option<WeakPlan>,
}

impl DataclassClass {
    /// The plan of one that Pydantic made.
    pub(super) fn plan<'py>(&self, py: Python<'py>) -> Option<ClassPlan<'py>> {
        self.plan.as_ref()?.get(py)
    }
}

struct Slot {
    class: usize,
    version: u32,
    known: Rc<Class>,
}

/// A power of two, far above the number of classes that streams are made of.
const SLOTS: usize = 512;
/// Slots that a class may be in. Examining a class takes some 20 µs, so two classes of one stream
/// must not drive each other out.
const WAYS: usize = 16;

thread_local! {
    static KNOWN: RefCell<[Option<Slot>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// What is known of the value's class.
#[inline]
pub(crate) fn class_of(value: &Bound<'_, PyAny>) -> Rc<Class> {
    let class = value.get_type();
    let address = class.as_ptr() as usize;
    let before = class_version(&class);
    if let Some(version) = before {
        let known = KNOWN.with_borrow(|slots| {
            slots_of(address).find_map(|slot| match &slots[slot] {
                Some(known) if (known.class, known.version) == (address, version) => {
                    Some(Rc::clone(&known.known))
                }
                _ => None,
            })
        });
        if let Some(known) = known
            && !known.is_stale(value.py())
        {
            return known;
        }
    }
    let known = Rc::new(examine(value, &class));
    // A class that changed meanwhile is examined again.
    if let Some(version) = class_version(&class)
        && before == Some(version)
    {
        let entry = Slot {
            class: address,
            version,
            known: Rc::clone(&known),
        };
        // Dropped outside: what an entry holds may be the last reference to something.
        drop(KNOWN.with_borrow_mut(|slots| {
            let is_free = |slot: &usize| match &slots[*slot] {
                Some(other) => other.class == address,
                None => true,
            };
            if let Some(place) = slots_of(address).find(is_free) {
                return (slots[place].replace(entry), None);
            }
            // Mostly classes that are gone: begin anew.
            let all = std::mem::replace(slots, [const { None }; SLOTS]);
            if let Some(place) = slots_of(address).next() {
                slots[place] = Some(entry);
            }
            (None, Some(all))
        }));
    }
    known
}

/// The slots that a class may be in. Classes lie at multiples of 16, and further apart.
fn slots_of(address: usize) -> impl Iterator<Item = usize> {
    let first = (address >> 4).wrapping_mul(0x9E37_79B9) >> 8;
    (0..WAYS).map(move |way| first.wrapping_add(way) % SLOTS)
}

/// Whatever goes wrong on the way is the general path's to say.
fn examine(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> Class {
    Class {
        event: event_kind(class).ok(),
        shape: shape(value, class).unwrap_or(Shape::Opaque),
    }
}

fn shape(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> PyResult<Shape> {
    let py = class.py();
    if let Some(shape) = exact(class)? {
        return Ok(shape);
    }
    // In the order of `jsonable_encoder`: a class may be several of these.
    let bases = class.mro();
    let derives = |base: &Bound<'_, PyAny>| bases.iter().any(|own| own.is(base));
    if derives(&py.import("pydantic")?.getattr("BaseModel")?) {
        return Ok(match plan_of(value) {
            Some(plan) => Shape::Model(ModelClass {
                own_dump: has_own_method(class, &plan, "model_dump")?,
                own_dump_json: has_own_method(class, &plan, "model_dump_json")?,
                plan: WeakPlan::new(&plan)?,
            }),
            None => Shape::Opaque,
        });
    }
    if let Some(fields) = class.getattr_opt(intern!(py, "__dataclass_fields__"))? {
        return dataclass(value, class, fields.cast_exact::<PyDict>()?);
    }
    let builtin = |name: &str| py.import("builtins")?.getattr(name);
    let scalar = [
        (derives(&builtin("str")?), Shape::Str),
        (derives(&builtin("int")?), Shape::Int),
        (derives(&builtin("float")?), Shape::Float),
    ];
    let enumeration = py.import("enum")?.getattr("Enum")?;
    if derives(&enumeration) {
        if !enum_is_plain(class)? {
            return Ok(Shape::Opaque);
        }
        // object, Enum and the classes between: anything else is mixed in.
        let metaclass = enumeration.get_type();
        let mixed = bases
            .iter()
            .any(|base| !base.get_type().is(&metaclass) && !base.is(py.get_type::<PyAny>()));
        let same = |name: &str| -> PyResult<bool> {
            Ok(
                match (class.getattr_opt(name)?, enumeration.getattr_opt(name)?) {
                    (Some(own), Some(enums)) => own.is(&enums),
                    (None, None) => true,
                    _ => false,
                },
            )
        };
        let singular = same("__deepcopy__")? && same("__reduce_ex__")?;
        return Ok(Shape::Enum { mixed, singular });
    }
    if derives(&py.import("pathlib")?.getattr("PurePath")?) {
        return Ok(Shape::Opaque);
    }
    for (is_one, shape) in scalar {
        if is_one {
            return Ok(shape);
        }
    }
    let tuple = py.get_type::<PyTuple>();
    let iter = intern!(py, "__iter__");
    if derives(&tuple) && class.getattr(iter)?.is(&tuple.getattr(iter)?) {
        return Ok(Shape::Tuple);
    }
    let containers = [
        ("builtins", "dict"),
        ("builtins", "list"),
        ("builtins", "set"),
        ("builtins", "frozenset"),
        ("builtins", "tuple"),
        ("collections", "deque"),
        ("types", "GeneratorType"),
    ];
    for (module, name) in containers {
        if derives(&py.import(module)?.getattr(name)?) {
            return Ok(Shape::Opaque);
        }
    }
    Ok(Shape::Other)
}

/// Exact classes of the standard library.
fn exact(class: &Bound<'_, PyType>) -> PyResult<Option<Shape>> {
    let py = class.py();
    let known = [
        ("builtins", "bytes", Shape::Bytes),
        ("builtins", "frozenset", Shape::FrozenSet),
        ("builtins", "set", Shape::Set),
        ("collections", "deque", Shape::Deque),
        ("datetime", "date", Shape::Date),
        ("datetime", "datetime", Shape::DateTime),
        ("datetime", "time", Shape::Time),
        ("datetime", "timedelta", Shape::TimeDelta),
        ("decimal", "Decimal", Shape::Decimal),
        ("pathlib", "PosixPath", Shape::Path),
        ("pathlib", "PurePosixPath", Shape::PurePath),
        ("uuid", "UUID", Shape::Uuid),
    ];
    for (module, name, shape) in known {
        if py.import(module)?.getattr(name)?.is(class) {
            return Ok(Some(shape));
        }
    }
    Ok(None)
}

/// `dataclasses.asdict` asks each instance for the attribute; that is its `__dict__` unless the
/// class says otherwise.
fn dataclass(
    value: &Bound<'_, PyAny>,
    class: &Bound<'_, PyType>,
    fields: &Bound<'_, PyDict>,
) -> PyResult<Shape> {
    static FIELD: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = class.py();
    if !has_plain_attributes(class)? {
        return Ok(Shape::Opaque);
    }
    let field = FIELD.import(py, "dataclasses", "_FIELD")?;
    let mut names = Vec::new();
    for (name, definition) in fields.iter() {
        if !definition.getattr(intern!(py, "_field_type"))?.is(field) {
            continue;
        }
        let name = name.cast_exact::<PyString>()?;
        if is_described(class, name)? {
            return Ok(Shape::Opaque);
        }
        names.push(name.clone().unbind());
    }
    let is_pydantics = class.hasattr(intern!(py, "__pydantic_serializer__"))?;
    let plan = if is_pydantics { plan_of(value) } else { None };
    Ok(Shape::Dataclass(DataclassClass {
        names,
        is_pydantics,
        plan: match plan {
            Some(plan) => Some(WeakPlan::new(&plan)?),
            None => None,
        },
    }))
}

/// Whether a descriptor of the class, such as a slot or a property, answers for this attribute
/// before an instance's `__dict__` does. (Asked of the `__dict__` of the classes: `getattr` would ask
/// the descriptor.)
pub(super) fn is_described(
    class: &Bound<'_, PyType>,
    name: &Bound<'_, PyString>,
) -> PyResult<bool> {
    for base in class.mro() {
        let own = base.getattr("__dict__")?;
        if own.contains(name)? {
            let found = own.get_item(name)?.get_type();
            return Ok(found.hasattr("__set__")? || found.hasattr("__delete__")?);
        }
    }
    Ok(false)
}

/// Whether a member's `value` is the one of `enum.Enum`, which is kept in its `__dict__`.
pub(super) fn enum_is_plain(class: &Bound<'_, PyType>) -> PyResult<bool> {
    let py = class.py();
    let enumeration = py.import("enum")?.getattr("Enum")?;
    if !has_plain_attributes(class)? {
        return Ok(false);
    }
    for base in class.mro() {
        if base.getattr(intern!(py, "__dict__"))?.contains("value")? {
            return Ok(base.is(&enumeration));
        }
    }
    Ok(false)
}

/// Whether an instance's `__dict__` is its attributes and nothing else.
pub(super) fn has_plain_attributes(class: &Bound<'_, PyType>) -> PyResult<bool> {
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

/// Whether `value.<method>` is the method of `pydantic.BaseModel`.
fn has_own_method(class: &Bound<'_, PyType>, plan: &Plan, method: &str) -> PyResult<bool> {
    static FILE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let pydantics = FILE.import(class.py(), "pydantic.main", "__file__")?;
    let own = class.getattr(method)?;
    // A patch, be it older than our first look, comes from another file.
    let code = own.getattr_opt("__code__")?;
    let is_pydantics = match &code {
        Some(code) => code.getattr("co_filename")?.eq(pydantics)?,
        None => false,
    };
    // A field of that name would be what `value.<method>` finds.
    Ok(is_pydantics && !plan.has_field(method))
}
