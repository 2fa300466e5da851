//! A `Net` puts a graph together operation by operation, under the names that the tensors of a file have.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;

use crate::kernels::{Padding, Window};
use crate::model::graph::{Graph, ValueId};
use crate::model::operations::{
    AvgPool2d, Axes, BatchNorm2d, BinarySpec, Conv2d, CurveSpec, Dropout, Flatten, GlobalAvgPool, Join, LayerNorm,
    Linear, MaxPool2d, Operation, Reduce, Reshape, Slice, Tensor, Transpose,
};
use crate::model::shape::Shape;

/// The names and shapes of the tensors in a file. Prefixes of wrappers, such as `module.`, are taken off already.
pub type Tensors = BTreeMap<String, Vec<usize>>;

/// The result of adding a part of a net: nothing, or a sentence that says what does not fit.
pub type Made = Result<(), String>;

/// The number of classes where there is no file to read it from: ImageNet's.
const CLASSES: usize = 1000;

/// A net in the making. Operations read the value that the one before them made, and are checked against the file, if
/// there is one, as they come.
pub struct Net<'a> {
    graph: Graph,
    file: Option<&'a Tensors>,
    /// The names of the tensors that operations took.
    used: BTreeSet<String>,
    /// The prefix of all names, with its dot.
    prefix: String,
    /// The number that batch normalisations add to the variance.
    pub eps: f64,
    /// Convolutions are padded like TensorFlow's "SAME": at the bottom and at the right first.
    pub pads_like_tensorflow: bool,
    /// The numbers behind the colon of a word.
    pub sizes: [usize; 2],
}

/// The sizes of a convolution. It has no bias, moves by one pixel and keeps the height and width if nothing else is
/// said.
#[derive(Clone, Copy)]
pub struct Filter {
    outputs: usize,
    kernel: [usize; 2],
    stride: usize,
    padding: Option<Padding>,
    groups: usize,
    bias: bool,
}

impl Filter {
    pub fn new(outputs: usize, kernel: usize) -> Self {
        Self { outputs, kernel: [kernel, kernel], stride: 1, padding: None, groups: 1, bias: false }
    }

    /// Returns a convolution whose kernel has these height and width.
    pub fn oblong(outputs: usize, kernel: [usize; 2]) -> Self {
        Self { kernel, ..Self::new(outputs, 1) }
    }

    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// Pads all sides by this instead of by half of the kernel.
    pub fn padding(self, padding: usize) -> Self {
        self.pad_sides(Padding::even([padding, padding]))
    }

    pub fn pad_sides(self, padding: Padding) -> Self {
        Self { padding: Some(padding), ..self }
    }

    pub fn groups(self, groups: usize) -> Self {
        Self { groups, ..self }
    }

    pub fn bias(self) -> Self {
        Self { bias: true, ..self }
    }
}

impl<'a> Net<'a> {
    pub fn new(input: Shape, file: Option<&'a Tensors>, sizes: [usize; 2]) -> Self {
        Self {
            graph: Graph::new(input),
            file,
            used: BTreeSet::new(),
            prefix: String::new(),
            eps: 1e-5,
            pads_like_tensorflow: false,
            sizes,
        }
    }

    /// Returns the number of tensors that were taken from the file.
    pub fn used(&self) -> usize {
        self.used.len()
    }

    /// Returns the graph; refuses a file with trained tensors that no operation took, other than those that `spare`
    /// says a net of this kind may do without.
    pub fn finish(self, spare: impl Fn(&str) -> bool) -> Result<Graph, String> {
        let left = |name: &&String| !self.used.contains(*name) && !is_bookkeeping(name) && !spare(name);
        match self.file.into_iter().flat_map(BTreeMap::keys).find(left) {
            Some(name) => Err(format!("the file has a tensor {name:?}, and the net has no use for it")),
            None => Ok(self.graph),
        }
    }

    /// Returns the value that the next operation reads.
    pub fn value(&self) -> ValueId {
        self.graph.output
    }

    /// Goes on from another value.
    pub fn at(&mut self, value: ValueId) -> &mut Self {
        self.graph.output = value;
        self
    }

    pub fn shape(&self) -> Shape {
        self.graph.shape(self.graph.output)
    }

    /// Returns the channels of planes, or the number of features.
    pub fn channels(&self) -> usize {
        self.shape().first().copied().unwrap_or_default()
    }

    /// Returns channels, height and width of the value.
    ///
    /// # Errors
    /// The value is no planes.
    pub fn planes(&self) -> Result<[usize; 3], String> {
        self.shape().as_planes().ok_or_else(|| format!("{} are no planes", self.shape()))
    }

    /// Returns whether the file has a tensor of this name; without a file there is none.
    pub fn has(&self, name: &str) -> bool {
        self.file.is_some_and(|file| file.contains_key(&self.path(name)))
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Adds operations whose names begin with this one.
    pub fn within(&mut self, name: impl Display, make: impl FnOnce(&mut Self) -> Made) -> Result<&mut Self, String> {
        let length = self.prefix.len();
        self.prefix = format!("{}{name}.", self.prefix);
        make(self)?;
        self.prefix.truncate(length);
        Ok(self)
    }

    /// Adds operations from a value on, and returns what they make.
    pub fn branch(&mut self, from: ValueId, make: impl FnOnce(&mut Self) -> Made) -> Result<ValueId, String> {
        make(self.at(from))?;
        Ok(self.value())
    }

    /// Adds any operation. Its tensors have to be in the file, if there is one.
    pub fn push(&mut self, operation: impl Into<Operation>, inputs: &[ValueId]) -> Result<&mut Self, String> {
        let operation = operation.into();
        let kind = operation.kind();
        let place = self.prefix.trim_end_matches('.').to_owned();
        operation.check().map_err(|why| format!("{kind} of {place:?}: {why}"))?;
        for (name, shape) in operation.tensors() {
            match self.file.map(|file| file.get(&name)) {
                Some(None) => return Err(format!("the tensor {name:?} of {shape:?} is missing")),
                Some(Some(found)) if *found != shape => {
                    return Err(format!("the tensor {name:?} has the shape {found:?}, expected {shape:?}"));
                }
                _ => self.used.insert(name),
            };
        }
        self.graph.push(operation, inputs).map_err(|why| format!("{kind} of {place:?} {why}"))?;
        Ok(self)
    }

    /// Adds an operation on the value.
    pub fn then(&mut self, operation: impl Into<Operation>) -> Result<&mut Self, String> {
        self.push(operation, &[self.value()])
    }

    pub fn conv(&mut self, name: &str, filter: Filter) -> Result<&mut Self, String> {
        let [inputs, height, width] = self.planes()?;
        let Filter { outputs, kernel, stride, padding, groups, bias } = filter;
        let padding = padding.unwrap_or_else(|| {
            if self.pads_like_tensorflow {
                same(kernel, stride, [height, width])
            } else {
                Padding::even(kernel.map(|kernel| kernel / 2))
            }
        });
        let (stride, dilation, name) = ([stride, stride], [1, 1], self.path(name));
        self.then(Conv2d { name, inputs, outputs, kernel, stride, padding, dilation, groups, bias })
    }

    /// Adds a convolution with a filter of its own for each channel.
    pub fn depthwise(&mut self, name: &str, kernel: usize, stride: usize) -> Result<&mut Self, String> {
        let channels = self.channels();
        self.conv(name, Filter::new(channels, kernel).stride(stride).groups(channels))
    }

    pub fn bn(&mut self, name: &str) -> Result<&mut Self, String> {
        let (name, channels, eps) = (self.path(name), self.channels(), self.eps);
        self.then(BatchNorm2d { name, channels, eps })
    }

    pub fn relu(&mut self) -> Result<&mut Self, String> {
        self.then(CurveSpec::Relu {})
    }

    /// Adds a convolution, a batch normalisation and ReLU.
    pub fn conv_bn_relu(&mut self, conv: &str, bn: &str, filter: Filter) -> Result<&mut Self, String> {
        self.conv(conv, filter)?.bn(bn)?.relu()
    }

    /// Adds a layer on the last axis, or on planes of one pixel.
    pub fn linear(&mut self, name: &str, outputs: usize) -> Result<&mut Self, String> {
        self.linear_layer(name, outputs, true)
    }

    pub fn linear_without_bias(&mut self, name: &str, outputs: usize) -> Result<&mut Self, String> {
        self.linear_layer(name, outputs, false)
    }

    /// Adds a layer that reads all axes but the last one as one.
    fn linear_layer(&mut self, name: &str, outputs: usize, bias: bool) -> Result<&mut Self, String> {
        let (shape, inputs, name) = (self.shape(), self.features(), self.path(name));
        let layer = Linear { name, inputs, outputs, bias };
        match shape.split_last() {
            Some((&last, before)) if before.len() > 1 && last == inputs => {
                self.reshape(&[before.iter().product(), inputs])?.then(layer)?;
                self.reshape(&[before, &[outputs]].concat())
            }
            _ => self.then(layer),
        }
    }

    fn features(&self) -> usize {
        let shape = self.shape();
        if let [channels, 1, 1] = shape[..] { channels } else { shape.last().copied().unwrap_or_default() }
    }

    /// Adds the last layer, which has as many outputs as its tensor in the file. It may be the last of a few modules
    /// in a row, as a new head behind a dropout often is.
    pub fn classifier(&mut self, name: &str) -> Result<&mut Self, String> {
        let names = [name.to_owned(), format!("{name}.0"), format!("{name}.1")];
        let found = names.into_iter().find(|name| self.has(&format!("{name}.weight"))).unwrap_or(name.to_owned());
        let bias = self.file.is_none() || self.has(&format!("{found}.bias"));
        self.linear_layer(&found, self.classes(&found), bias)
    }

    /// Returns the number of outputs of a layer in the file.
    pub fn classes(&self, name: &str) -> usize {
        let weight = self.file.and_then(|file| file.get(&self.path(&format!("{name}.weight"))));
        weight.and_then(|shape| shape.first()).copied().unwrap_or(CLASSES)
    }

    pub fn layer_norm(&mut self, name: &str, eps: f32) -> Result<&mut Self, String> {
        let (name, shape) = (self.path(name), vec![self.features()]);
        self.then(LayerNorm { name, shape, eps })
    }

    pub fn max_pool(&mut self, kernel: usize, stride: usize, padding: usize) -> Result<&mut Self, String> {
        self.then(MaxPool2d(window(kernel, stride, padding)))
    }

    /// Adds a max-pool whose last window may hang over the edge.
    pub fn max_pool_ceil(&mut self, kernel: usize, stride: usize, padding: usize) -> Result<&mut Self, String> {
        self.then(MaxPool2d(Window { ceil: true, ..window(kernel, stride, padding) }))
    }

    pub fn avg_pool(&mut self, kernel: usize, stride: usize, padding: usize) -> Result<&mut Self, String> {
        self.then(AvgPool2d { window: window(kernel, stride, padding), counts_padding: true })
    }

    /// Adds the mean over all pixels.
    pub fn global_pool(&mut self) -> Result<&mut Self, String> {
        self.then(GlobalAvgPool {})
    }

    pub fn dropout(&mut self, keep: f32) -> Result<&mut Self, String> {
        self.then(Dropout { keep, rescale: true })
    }

    pub fn flatten(&mut self) -> Result<&mut Self, String> {
        self.then(Flatten {})
    }

    pub fn reshape(&mut self, shape: &[usize]) -> Result<&mut Self, String> {
        self.then(Reshape { shape: shape.to_vec() })
    }

    pub fn transpose(&mut self, order: &[usize]) -> Result<&mut Self, String> {
        self.then(Transpose { order: order.to_vec() })
    }

    pub fn slice(&mut self, axis: usize, start: usize, end: usize, step: usize) -> Result<&mut Self, String> {
        self.then(Slice { axis, start, end, step })
    }

    /// Adds the mean along an axis, which is gone then.
    pub fn mean(&mut self, axis: usize) -> Result<&mut Self, String> {
        self.then(Reduce::Mean(Axes { axes: vec![axis], keep: false }))
    }

    /// Goes on from values that are put one after the other along an axis.
    pub fn join(&mut self, axis: usize, parts: &[ValueId]) -> Result<&mut Self, String> {
        self.push(Join { axis }, parts)
    }

    /// Goes on from a tensor of the file.
    pub fn tensor(&mut self, name: &str, shape: &[usize]) -> Result<&mut Self, String> {
        let name = self.path(name);
        self.push(Tensor { name, shape: shape.to_vec() }, &[])
    }

    /// Computes something of the value and a tensor of the file.
    pub fn with_tensor(&mut self, binary: BinarySpec, name: &str, shape: &[usize]) -> Result<&mut Self, String> {
        let x = self.value();
        let tensor = self.tensor(name, shape)?.value();
        self.push(binary, &[x, tensor])
    }

    /// Adds what a body and a shortcut make of the value.
    pub fn residual(
        &mut self,
        body: impl FnOnce(&mut Self) -> Made,
        shortcut: impl FnOnce(&mut Self) -> Made,
    ) -> Result<&mut Self, String> {
        let x = self.value();
        let body = self.branch(x, body)?;
        let shortcut = self.branch(x, shortcut)?;
        self.push(BinarySpec::Add {}, &[body, shortcut])
    }
}

fn window(kernel: usize, stride: usize, padding: usize) -> Window {
    let padding = Padding::even([padding, padding]);
    Window { kernel: [kernel, kernel], stride: [stride, stride], padding, ceil: false }
}

/// Returns TensorFlow's padding "SAME": the result has `⌈size / stride⌉` pixels along each axis.
fn same(kernel: [usize; 2], stride: usize, size: [usize; 2]) -> Padding {
    let total = [0, 1].map(|axis| {
        let outputs = size[axis].div_ceil(stride).max(1);
        ((outputs - 1) * stride + kernel[axis]).saturating_sub(size[axis])
    });
    let before = total.map(|total| total / 2);
    Padding { before, after: [total[0] - before[0], total[1] - before[1]] }
}

/// Returns whether a tensor is a counter, or follows from the sizes of the net.
fn is_bookkeeping(name: &str) -> bool {
    ["num_batches_tracked", "relative_position_index", "attn_mask"].iter().any(|end| name.ends_with(end))
}

/// The body of a residual block, and its shortcut where nothing is done to it.
pub fn identity(_: &mut Net<'_>) -> Made {
    Ok(())
}

/// Rounds to the nearest multiple of 8, but not down by more than a tenth (the MobileNets' rule).
pub fn multiple_of_8(channels: f64) -> usize {
    let rounded = ((channels + 4.0) / 8.0).floor().max(1.0) * 8.0;
    (if rounded < 0.9 * channels { rounded + 8.0 } else { rounded }) as usize
}
