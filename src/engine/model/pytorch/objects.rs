//! The objects that a pickle describes are kept as data.

use safetensors::tensor::Dtype;

/// This is the place of an object in [`Pickle::objects`](super::pickle::Pickle::objects).
pub type ObjectId = usize;

/// A pickle builds objects. They lie in one list and name each other by their places: however they are nested or
/// shared, they take no more memory than the pickle's own length allows, and nothing about them is recursive.
#[derive(Debug)]
pub enum Object {
    /// A value that says nothing about tensors: a float, a set, `None`.
    Data,
    /// Bytes, or a text of Python 2 that is none in UTF-8.
    Bytes(Box<[u8]>),
    Bool(bool),
    Int(i64),
    /// A whole number of more than 64 bits, the lowest byte first.
    Long(Box<[u8]>),
    Text(String),
    Name(Name),
    Tuple(Vec<ObjectId>),
    List(Vec<ObjectId>),
    Dict(Vec<(ObjectId, ObjectId)>),
    Storage(Box<Storage>),
    Tensor(Box<Tensor>),
    /// An object of any other class. It is never made: what the pickle says of it is kept.
    Other(Box<Other>),
}

#[derive(Debug)]
pub struct Other {
    /// The name of its class, or of the function that would make it.
    pub class: ObjectId,
    /// The tuple of values that the class or the function would be called with, where there is one.
    pub arguments: Option<ObjectId>,
    /// The entries of an object that is a kind of dictionary.
    pub entries: Vec<(ObjectId, ObjectId)>,
    /// Its attributes, where there are some.
    pub state: Option<ObjectId>,
}

/// A Python name.
#[derive(Clone, Debug, PartialEq)]
pub enum Name {
    /// A class of dictionaries.
    Dict,
    RebuildTensor,
    /// The same with a number format of its own, for a storage without.
    RebuildTensorAs,
    RebuildParameter,
    /// The tensor of a subclass: a function, the subclass, and arguments of the function.
    RebuildSubclass,
    Storage(Dtype),
    NumberFormat(Dtype),
    /// Any other one. It means nothing here.
    Other(Box<str>),
}

/// A storage is numbers that lie elsewhere in the file.
#[derive(Clone, Debug)]
pub struct Storage {
    pub key: String,
    pub dtype: Dtype,
    pub count: usize,
}

/// A tensor is a view of a storage, in numbers (not bytes).
#[derive(Clone, Debug)]
pub struct Tensor {
    pub storage: Storage,
    pub dtype: Dtype,
    pub offset: usize,
    pub shape: Vec<usize>,
    pub strides: Vec<usize>,
}

impl Name {
    pub fn new(module: &str, name: &str) -> Self {
        match (module, name) {
            ("collections", "OrderedDict" | "defaultdict" | "Counter") => Self::Dict,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_tensor_v3") => Self::RebuildTensorAs,
            ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Self::RebuildParameter,
            ("torch._tensor", "_rebuild_from_type_v2") => Self::RebuildSubclass,
            ("torch" | "torch.storage" | "torch.cuda", name) => match (storage(name), number_format(name)) {
                (Some(dtype), _) => Self::Storage(dtype),
                (None, Some(dtype)) => Self::NumberFormat(dtype),
                (None, None) => Self::other(module, name),
            },
            _ => Self::other(module, name),
        }
    }

    /// Returns the whole of a name that means nothing here.
    pub fn other_name(&self) -> Option<&str> {
        if let Self::Other(name) = self { Some(name) } else { None }
    }

    /// Keeps a name for messages: of a sensible length and without what would upset a terminal.
    fn other(module: &str, name: &str) -> Self {
        let text: String = format!("{module}.{name}").chars().filter(|c| !c.is_control()).take(80).collect();
        Self::Other(text.into())
    }
}

fn storage(name: &str) -> Option<Dtype> {
    Some(match name {
        "FloatStorage" => Dtype::F32,
        "HalfStorage" => Dtype::F16,
        "BFloat16Storage" => Dtype::BF16,
        "DoubleStorage" => Dtype::F64,
        "LongStorage" => Dtype::I64,
        "IntStorage" => Dtype::I32,
        "ShortStorage" => Dtype::I16,
        "CharStorage" => Dtype::I8,
        "ByteStorage" | "UntypedStorage" => Dtype::U8,
        "BoolStorage" => Dtype::BOOL,
        "ComplexFloatStorage" => Dtype::C64,
        _ => return None,
    })
}

fn number_format(name: &str) -> Option<Dtype> {
    Some(match name {
        "float32" => Dtype::F32,
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::BF16,
        "float64" => Dtype::F64,
        "int64" => Dtype::I64,
        "int32" => Dtype::I32,
        "int16" => Dtype::I16,
        "int8" => Dtype::I8,
        "uint8" => Dtype::U8,
        "uint16" => Dtype::U16,
        "uint32" => Dtype::U32,
        "uint64" => Dtype::U64,
        "bool" => Dtype::BOOL,
        "complex64" => Dtype::C64,
        "float8_e4m3fn" => Dtype::F8_E4M3,
        "float8_e5m2" => Dtype::F8_E5M2,
        "float8_e4m3fnuz" => Dtype::F8_E4M3FNUZ,
        "float8_e5m2fnuz" => Dtype::F8_E5M2FNUZ,
        "float8_e8m0fnu" => Dtype::F8_E8M0,
        _ => return None,
    })
}
