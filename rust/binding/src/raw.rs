//! The only unsafe code, each block with what makes it sound and what it buys.
#![expect(unsafe_code, reason = "the one module meant for it")]

use std::ffi::c_ulong;
use std::sync::atomic::{AtomicU32, Ordering};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};
use pyo3::{Borrowed, PyClass, intern};

/// The instance's `__dict__`, without looking for a `__getattribute__` or `__getattr__`; None if
/// it has none or not an exact dict.
///
/// The caller has made sure that the class replaces neither `__getattribute__` nor `__dict__`, so
/// that this is what `instance.__dict__` gives.
///
/// What it buys: Pydantic's `BaseModel` has a `__getattr__`, which makes every attribute access
/// take a slow slot of the type; a chat chunk of three models is encoded in 289 ns with `getattr`
/// and in 199 ns with this.
#[inline]
pub(crate) fn instance_dict<'py>(instance: &Bound<'py, PyAny>) -> Option<Bound<'py, PyDict>> {
    let py = instance.py();
    // SAFETY: the argument is a live object and the thread is attached (both by `instance`); the
    // context is documented as unused. The result is a new reference, or null with an exception
    // set; `from_owned_ptr_or_err` takes over the one and clears the other.
    let dict = unsafe {
        let dict = ffi::PyObject_GenericGetDict(instance.as_ptr(), std::ptr::null_mut());
        Bound::from_owned_ptr_or_err(py, dict)
    };
    dict.ok()?.cast_into_exact().ok()
}

/// The members of a dict in order; ends early if the dict changes its size meanwhile.
///
/// The caller holds the dict's critical section while it asks for the next.
///
/// What it buys: PyO3's iterator counts a reference to each key, too, and panics where this one
/// ends; a chat chunk of three models takes 4,080 instructions with that and 3,920 with this.
pub(crate) struct Members<'a, 'py> {
    dict: &'a Bound<'py, PyDict>,
    length: usize,
    position: ffi::Py_ssize_t,
}

impl<'a, 'py> Members<'a, 'py> {
    pub(crate) fn of(dict: &'a Bound<'py, PyDict>) -> Self {
        Self {
            dict,
            length: dict.len(),
            position: 0,
        }
    }

    /// The address of a key, and its value.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<(usize, Bound<'py, PyAny>)> {
        if self.dict.len() != self.length {
            return None;
        }
        let mut key = std::ptr::null_mut();
        let mut value = std::ptr::null_mut();
        // SAFETY: the dict is live and the thread is attached (both by `dict`). The position is
        // zero or what the last call has left. Where it returns true it has set both pointers to
        // references that the dict holds; the one to the value is counted before anything can
        // change the dict, the one to the key is not followed.
        unsafe {
            let dict = self.dict.as_ptr();
            if ffi::PyDict_Next(dict, &raw mut self.position, &raw mut key, &raw mut value) == 0 {
                return None;
            }
            Some((
                key as usize,
                Bound::from_borrowed_ptr(self.dict.py(), value),
            ))
        }
    }
}

/// `object.__getattribute__(instance, name)`; None if there is no such attribute.
///
/// The caller has made sure that the class replaces `__getattribute__` with nothing else; a
/// `__getattr__` is not asked.
///
/// What it buys: see [`instance_dict`]; a chunk of the openai SDK, whose three models may have
/// extra fields, is encoded in 490 ns with `getattr` and in 430 ns with this.
#[inline]
pub(crate) fn attribute<'py>(
    instance: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
) -> Option<Bound<'py, PyAny>> {
    // SAFETY: both arguments are live objects and the thread is attached. The result is a new
    // reference, or null with an exception set; `from_owned_ptr_or_err` takes over the one and
    // clears the other.
    let attribute = unsafe {
        let attribute = ffi::PyObject_GenericGetAttr(instance.as_ptr(), name.as_ptr());
        Bound::from_owned_ptr_or_err(instance.py(), attribute)
    };
    attribute.ok()
}

/// The characters of a `str` as UTF-8; None if it has lone surrogates.
///
/// What it buys: `PyUnicode_AsUTF8AndSize` is a call that finds out again what two bits of the
/// object say, and for a text beyond ASCII keeps a copy with it for good. Tokens are mostly ASCII:
/// a chat chunk as a dict is encoded in 261 ns with it and in 215 ns with this.
#[inline]
pub(crate) fn text<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a str> {
    let object = text.as_ptr();
    // SAFETY: the argument is a live `str` and the thread is attached. In the compact ASCII form
    // (CPython's, asked for first) `PyUnicode_GET_LENGTH` bytes of ASCII, and so of UTF-8, lie at
    // `PyUnicode_DATA`. They never change, and live as long as the object, which is borrowed.
    unsafe {
        if ffi::PyUnicode_IS_COMPACT_ASCII(object) != 0 {
            let length = usize::try_from(ffi::PyUnicode_GET_LENGTH(object)).ok()?;
            let start = ffi::PyUnicode_DATA(object).cast::<u8>();
            let ascii = std::slice::from_raw_parts(start, length);
            return Some(std::str::from_utf8_unchecked(ascii));
        }
    }
    text.to_str().ok()
}

/// The version of the class: a number that no other class had or will have, replaced whenever an
/// attribute of the class or of a base is set or the bases change. None if it has none at present.
///
/// This is what the interpreter's own attribute cache goes by, so (class, version) says that
/// whatever was found out about the class still holds, also if the class lies where a freed one
/// lay.
///
/// What it buys: looking up the plan and the methods of a class anew for each value took 95 of
/// the 390 ns of an untyped chat chunk.
#[inline]
pub(crate) fn class_version(class: &Bound<'_, PyType>) -> Option<u32> {
    let class = class.as_type_ptr();
    // SAFETY: the class is live (`class` holds a reference). Free-threaded interpreters write the
    // field atomically, others under the GIL, which this thread holds; it is 32 bits wide and
    // aligned, as `unsigned int` is on every platform that CPython supports.
    let version = unsafe { AtomicU32::from_ptr(&raw mut (*class).tp_version_tag) };
    match version.load(Ordering::Acquire) {
        0 => None,
        version => Some(version),
    }
}

/// Whether this is the process's first interpreter.
///
/// PyO3 looks only when a module is made a second time, which multi-phase initialization does not
/// come to; the statics of this crate hold objects of one interpreter.
pub(crate) fn is_main_interpreter(_attached: Python<'_>) -> bool {
    // SAFETY: both need an attached thread, which the argument proves; the pointer is the current
    // interpreter's and not null.
    unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) == 0 }
}

/// A new instance of a Pydantic model's class, with nothing set.
///
/// The caller has made sure that `class` derives from `pydantic.BaseModel`, adds no `__new__` to it
/// and is not abstract, so that this is what `object.__new__(class)` gives.
///
/// What it buys: see [`set_attribute`].
pub(crate) fn new_instance<'py>(class: &Bound<'py, PyType>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the argument is a live type object and the thread is attached (both by `class`). A
    // model's class is a heap type of fixed size without a base in C but `object`, whose own `tp_new`
    // allocates by this function. The result is a new reference, or null with an exception set.
    unsafe {
        let instance = ffi::PyType_GenericAlloc(class.as_type_ptr(), 0);
        Bound::from_owned_ptr_or_err(class.py(), instance)
    }
}

/// `object.__setattr__(instance, name, value)`.
///
/// What it buys: Pydantic's `__setattr__` is passed by, and without this and [`new_instance`] a
/// FastAPI event takes 0.58 µs to make, calling `object`'s methods as Python does; 0.33 with them.
pub(crate) fn set_attribute(
    instance: &Bound<'_, PyAny>,
    name: &Bound<'_, PyString>,
    value: &Bound<'_, PyAny>,
) -> PyResult<()> {
    // SAFETY: all arguments are live objects and the thread is attached; nothing is stolen. The
    // result is zero, or not with an exception set.
    let result =
        unsafe { ffi::PyObject_GenericSetAttr(instance.as_ptr(), name.as_ptr(), value.as_ptr()) };
    if result == 0 {
        Ok(())
    } else {
        Err(PyErr::fetch(instance.py()))
    }
}

/// A class whose instances can be made of keyword arguments as the interpreter passes them.
pub(crate) trait FromKeywords {
    /// None: the class's own call is to look at them.
    fn from_keywords<'py>(
        class: &Bound<'py, PyType>,
        names: Borrowed<'_, 'py, PyTuple>,
        values: &[Borrowed<'_, 'py, PyAny>],
    ) -> Option<PyResult<Bound<'py, PyAny>>>;
}

/// Makes calls of `class` go to [`FromKeywords`] first; those of its subclasses are as ever.
///
/// The class is complete, and no other thread knows it yet. If its metaclass is not `type`, it is
/// one of our own, of which there are no other classes but subclasses of this one.
///
/// What it buys: the interpreter makes neither a tuple nor a dict of the arguments, and PyO3 does
/// not look for their names in turn; an event with three fields takes 70 ns to make instead of
/// 150, one of FastAPI's class 220 instead of 370.
pub(crate) fn call_with_keywords<T: FromKeywords>(class: &Bound<'_, PyType>) {
    let metaclass = class.get_type();
    let plain = class.py().get_type::<PyType>();
    // SAFETY: the type objects are alive and complete, and the thread is attached. The interpreter
    // looks for the function of a call at `tp_vectorcall_offset` of the callable if the callable's
    // class has the flag; where that offset is `type`'s own it is this slot, which is null in all
    // classes that have not set it: then the interpreter goes by `tp_call`. The flags are a
    // `c_ulong`, or an atomic of that type where there is no GIL.
    unsafe {
        let (metaclass, plain) = (metaclass.as_type_ptr(), plain.as_type_ptr());
        if (*metaclass).tp_vectorcall_offset != (*plain).tp_vectorcall_offset {
            return;
        }
        (*class.as_type_ptr()).tp_vectorcall = Some(vectorcall::<T>);
        if metaclass != plain {
            let flags = (&raw mut (*metaclass).tp_flags).cast::<c_ulong>();
            flags.write(flags.read() | ffi::Py_TPFLAGS_HAVE_VECTORCALL);
        }
    }
}

/// `T(…)`. Nothing in it panics; Rust would abort before a panic came to the interpreter.
///
/// # Safety
///
/// It is called by the interpreter, with a class and the arguments of a vectorcall.
unsafe extern "C" fn vectorcall<T: FromKeywords>(
    class: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        // SAFETY: they are passed on as they came; the class outlives the call.
        let made = unsafe {
            let class = Borrowed::from_ptr(py, class).cast_unchecked::<PyType>();
            call::<T>(&class, arguments, count, names)
        };
        made.map_or_else(
            |error| {
                error.restore(py);
                std::ptr::null_mut()
            },
            Bound::into_ptr,
        )
    })
}

/// # Safety
///
/// The arguments are those of a vectorcall.
unsafe fn call<'py, T: FromKeywords>(
    class: &Bound<'py, PyType>,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> PyResult<Bound<'py, PyAny>> {
    let py = class.py();
    // SAFETY: they are passed on as they came.
    let (positional, names, values) = unsafe { arguments_of(py, arguments, count, names) };
    let empty = PyTuple::empty(py);
    let names = names.unwrap_or_else(|| empty.as_borrowed());
    if positional == 0
        && let Some(instance) = T::from_keywords(class, names, values)
    {
        return instance;
    }
    let keywords = PyDict::new(py);
    for (name, value) in names.iter().zip(&values[positional..]) {
        keywords.set_item(name, value)?;
    }
    let general = class.get_type().getattr(intern!(py, "__call__"))?;
    let class = class.as_any().clone();
    let first = values[..positional].iter().map(|value| Bound::clone(value));
    let all: Vec<_> = std::iter::once(class).chain(first).collect();
    general.call(PyTuple::new(py, all)?, Some(&keywords))
}

/// The arguments of a vectorcall: how many are positional, the names of the others, all values.
type Arguments<'a, 'py> = (
    usize,
    Option<Borrowed<'a, 'py, PyTuple>>,
    &'a [Borrowed<'a, 'py, PyAny>],
);

/// # Safety
///
/// The arguments are those of a vectorcall, which outlasts `'a`.
unsafe fn arguments_of<'a>(
    py: Python<'_>,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> Arguments<'a, '_> {
    // SAFETY: by the vectorcall protocol there are as many positional values as the macro says,
    // then one for each of the names, which are null or a tuple; all outlive the call. A
    // `Borrowed` is a pointer that is not null, and two zero-sized markers.
    unsafe {
        let positional = ffi::PyVectorcall_NARGS(count).cast_unsigned();
        let names =
            Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyTuple>());
        let total = positional + names.map_or(0, |names| names.len());
        let values: &[Borrowed<'_, '_, PyAny>] = if total == 0 {
            &[]
        } else {
            std::slice::from_raw_parts(arguments.cast(), total)
        };
        (positional, names, values)
    }
}

/// A class whose instances can be called with arguments as the interpreter passes them.
pub(crate) trait CallInstances:
    PyClass<Frozen = pyo3::pyclass::boolean_struct::True> + Sync
{
    /// The field by which the interpreter finds the function.
    fn vectorcall(&self) -> &Vectorcall;

    /// Calls an instance. The values are those of the names.
    fn call<'py>(
        slf: &Bound<'py, Self>,
        positional: usize,
        names: Borrowed<'_, 'py, PyTuple>,
        values: &[Borrowed<'_, 'py, PyAny>],
    ) -> PyResult<Bound<'py, PyAny>>;

    /// Any instance, to see where in it the field is.
    fn sample(py: Python<'_>) -> PyResult<Bound<'_, Self>>;
}

/// The function that calling an instance is; a field of the class's instances.
pub(crate) struct Vectorcall(
    #[expect(dead_code, reason = "the interpreter reads it")] ffi::vectorcallfunc,
);

impl Vectorcall {
    pub(crate) const fn of<T: CallInstances>() -> Self {
        Self(vectorcall_instance::<T>)
    }
}

/// Makes calls of the instances of `T` go to [`CallInstances::call`], past `tp_call`.
///
/// The class must be immutable, so that its `__call__` cannot be replaced behind the interpreter's
/// back, and final, so that its instances are laid out as the sample is.
///
/// What it buys: no tuple and no dict of the arguments; an event of one slot takes 50 ns to make
/// instead of 110.
pub(crate) fn call_instances<T: CallInstances>(py: Python<'_>) -> PyResult<()> {
    let sample = T::sample(py)?;
    let field = std::ptr::from_ref(sample.get().vectorcall()) as usize;
    let offset = (field - sample.as_ptr() as usize).cast_signed();
    // SAFETY: the type object is alive and complete, the thread is attached, and the module is being
    // made, so that no other thread knows the class. At this offset each instance has a function
    // pointer, or zeros as long as it is being made, which the interpreter takes for none. The flags
    // are a `c_ulong`, or an atomic of that type where there is no GIL.
    unsafe {
        let class = T::type_object_raw(py);
        (*class).tp_vectorcall_offset = offset;
        let flags = (&raw mut (*class).tp_flags).cast::<c_ulong>();
        flags.write(flags.read() | ffi::Py_TPFLAGS_HAVE_VECTORCALL);
    }
    Ok(())
}

/// `instance(…)`. Nothing in it panics; Rust would abort before a panic came to the interpreter.
///
/// # Safety
///
/// It is called by the interpreter, with the arguments of a vectorcall of an instance of `T`.
unsafe extern "C" fn vectorcall_instance<T: CallInstances>(
    instance: *mut ffi::PyObject,
    arguments: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    Python::attach(|py| {
        // SAFETY: they are passed on as they came; the instance is one of `T`, which has no
        // subclasses, and outlives the call.
        let (instance, (positional, names, values)) = unsafe {
            let instance = Borrowed::from_ptr(py, instance).cast_unchecked::<T>();
            (instance, arguments_of(py, arguments, count, names))
        };
        let made = match names {
            Some(names) => T::call(&instance, positional, names, &values[positional..]),
            None => T::call(&instance, positional, PyTuple::empty(py).as_borrowed(), &[]),
        };
        made.map_or_else(
            |error| {
                error.restore(py);
                std::ptr::null_mut()
            },
            Bound::into_ptr,
        )
    })
}
