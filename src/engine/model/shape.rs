//! The shapes that flow through a list of layers.

use super::layer::LayerSpec;
use crate::kernels::Window;

/// What one picture has become on its way through the net.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Planes { channels: usize, height: usize, width: usize },
    Features(usize),
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Planes { channels, height, width } => write!(f, "{channels}×{height}×{width}"),
            Self::Features(count) => write!(f, "{count} features"),
        }
    }
}

impl Shape {
    pub fn channels(self) -> usize {
        match self {
            Self::Planes { channels, .. } => channels,
            Self::Features(count) => count,
        }
    }

    /// Height and width.
    pub fn size(self) -> [usize; 2] {
        match self {
            Self::Planes { height, width, .. } => [height, width],
            Self::Features(_) => [1, 1],
        }
    }

    pub fn count(self) -> usize {
        match self {
            Self::Planes { channels, height, width } => channels * height * width,
            Self::Features(count) => count,
        }
    }
}

/// The most values that one picture may become inside a net.
const MAX_ACTIVATIONS: usize = 1 << 28;

/// The shape that comes out of a list of layers.
///
/// # Errors
/// A sentence that names the layer, the shape that it gets, and the one that it expects.
pub fn output_shape(layers: &[LayerSpec], input: Shape, place: &str) -> Result<Shape, String> {
    layers.iter().enumerate().try_fold(input, |shape, (i, layer)| {
        let place = format!("{place}[{i}]");
        let out = layer_shape(layer, shape, &place)?;
        if out.count() > MAX_ACTIVATIONS {
            return Err(format!("{place}: {} makes {out} of one picture, which is too large", layer.kind()));
        }
        Ok(out)
    })
}

fn layer_shape(layer: &LayerSpec, shape: Shape, place: &str) -> Result<Shape, String> {
    let refuse = |expected: String| {
        let name = layer.tensors().first().map(|(name, _)| name.trim_end_matches(".weight").to_owned());
        let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
        Err(format!("{place}: {}{name} gets {shape}, expected {expected}", layer.kind()))
    };
    let through = |window: &Window, channels: usize, height: usize, width: usize| match window.output(height, width) {
        Some([height, width]) => Ok(Shape::Planes { channels, height, width }),
        None => refuse(format!("at least the kernel's {}×{}", window.kernel[0], window.kernel[1])),
    };
    match (layer, shape) {
        (LayerSpec::Conv2d { inputs, outputs, kernel, config, .. }, Shape::Planes { channels, height, width }) => {
            if channels != *inputs {
                return refuse(format!("{inputs} channels"));
            }
            let window = Window { kernel: *kernel, stride: config.stride, padding: config.padding, ceil: false };
            through(&window, *outputs, height, width)
        }
        (LayerSpec::Linear { inputs, .. } | LayerSpec::Maxout { inputs, .. }, _) => {
            // A plane of one pixel per channel is as good as flat.
            let flat = matches!(shape, Shape::Features(_) | Shape::Planes { height: 1, width: 1, .. });
            match layer {
                _ if !flat || shape.count() != *inputs => refuse(format!("{inputs} features (a flatten before it?)")),
                LayerSpec::Maxout { units, .. } => Ok(Shape::Features(*units)),
                LayerSpec::Linear { outputs, .. } => Ok(Shape::Features(*outputs)),
                _ => Ok(shape),
            }
        }
        (LayerSpec::BatchNorm2d { channels: expected, .. }, Shape::Planes { channels, .. }) => {
            if channels == *expected { Ok(shape) } else { refuse(format!("{expected} channels")) }
        }
        (LayerSpec::MaxPool2d(window) | LayerSpec::AvgPool2d(window), Shape::Planes { channels, height, width }) => {
            through(window, channels, height, width)
        }
        (LayerSpec::GlobalAvgPool, Shape::Planes { channels, .. }) => {
            Ok(Shape::Planes { channels, height: 1, width: 1 })
        }
        (LayerSpec::Flatten, _) => Ok(Shape::Features(shape.count())),
        (LayerSpec::Relu | LayerSpec::Relu6 | LayerSpec::Dropout { .. }, _) => Ok(shape),
        (LayerSpec::Residual { body, shortcut }, _) => {
            let out = output_shape(body, shape, &format!("{place}.body"))?;
            let around = output_shape(shortcut, shape, &format!("{place}.shortcut"))?;
            if out == around {
                Ok(out)
            } else {
                Err(format!(
                    "{place}: residual adds {out} from its body to {around} from its shortcut, expected equal shapes"
                ))
            }
        }
        (LayerSpec::Concat { branches }, _) => {
            let shapes = branches.iter().enumerate();
            let shapes = shapes.map(|(i, branch)| output_shape(branch, shape, &format!("{place}.branches[{i}]")));
            concatenated(&shapes.collect::<Result<Vec<_>, _>>()?).ok_or_else(|| {
                format!("{place}: concat gets branches of different sizes, expected them to differ in channels only")
            })
        }
        _ => refuse("planes of channels × height × width".into()),
    }
}

fn concatenated(shapes: &[Shape]) -> Option<Shape> {
    let mut shapes = shapes.iter().copied();
    let first = shapes.next()?;
    shapes.try_fold(first, |sum, shape| match (sum, shape) {
        (Shape::Planes { channels, height, width }, Shape::Planes { channels: more, height: h, width: w })
            if (height, width) == (h, w) =>
        {
            Some(Shape::Planes { channels: channels + more, height, width })
        }
        (Shape::Features(count), Shape::Features(more)) => Some(Shape::Features(count + more)),
        _ => None,
    })
}
