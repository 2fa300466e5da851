//! Panes take every colour, size and font from the theme and hold no numbers of their own.

use std::collections::BTreeMap;

use egui::{
    self, Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, FontId, Margin, RichText, Shadow,
    Stroke, TextStyle, Theme, Ui, Vec2, Visuals, style::Selection, style::WidgetVisuals,
};

use egui_material_icons::{MaterialIcon, icons};

use crate::engine::attack::Verdict;

/// The standing of an answer to what the picture shows decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// A label that somebody gave, or what is known of a bundled picture, makes the answer right.
    Right,
    /// The answer is the net's own, and nobody has said whether it is right.
    Own,
    /// The answer is another one than before, or than the label.
    Fooled,
    /// The answer is the class that was asked for.
    AsAsked,
}

/// Everything sits on a grid of four points.
pub const SPACE_1: f32 = 4.0;
pub const SPACE_2: f32 = 8.0;
pub const SPACE_3: f32 = 12.0;
pub const SPACE_4: f32 = 16.0;
pub const SPACE_6: f32 = 24.0;

pub const CONTROL_HEIGHT: f32 = 28.0;
pub const LARGE_RAIL: f32 = 44.0;
pub const ROW_HEIGHT: f32 = 32.0;
pub const BAR_HEIGHT: f32 = 22.0;
pub const RADIUS: u8 = 6;
pub const SMALL_RADIUS: u8 = 4;
/// The sample strip has small thumbnails in a low window.
pub const THUMB: f32 = 40.0;
pub const SMALL_THUMB: f32 = 30.0;
/// In a lower window the pictures get every line that can be spared.
const COMPACT_BELOW: f32 = 680.0;
pub const LARGE_TYPE_ZOOM: f32 = 1.4;
/// Below this size of the pictures the middle of the window scrolls.
pub const MIN_WELL: f32 = 132.0;
/// From this many screen pixels per picture pixel on, pixels are drawn as squares.
pub const NEAREST_FROM: f32 = 3.0;

const ICONS: &str = "Material Symbols";
pub const STRONG: &str = "strong";

#[derive(Debug)]
pub struct Palette {
    pub canvas: Color32,
    pub panel: Color32,
    pub well: Color32,
    pub raised: Color32,
    pub raised_hover: Color32,
    pub field: Color32,
    pub line: Color32,
    pub text: Color32,
    pub weak: Color32,
    pub accent: Color32,
    pub on_accent: Color32,
    pub accent_soft: Color32,
    /// This is known to be right. Bluish green, orange and purple stay apart for colour-blind eyes.
    pub right: Color32,
    pub right_soft: Color32,
    /// This is the net's own answer, taken for the label, where nobody has said whether it is right.
    pub own: Color32,
    pub own_soft: Color32,
    pub fooled: Color32,
    pub fooled_soft: Color32,
    /// This is for an attack that fooled the net as asked, and for the target.
    pub asked: Color32,
    pub asked_soft: Color32,
    pub error: Color32,
    pub bar: Color32,
    /// Runs differ in lightness as well as in hue: the nearest two stay apart under simulated red and green blindness
    /// (Machado et al., 2009).
    pub runs: [Color32; 8],
    /// Other classes in a curve stay apart from the label and the target in the same way.
    pub classes: [Color32; 5],
    /// On a map of classes the label is calm, the others stay apart as the runs do, and what is left has one colour.
    pub map_label: Color32,
    pub map_classes: [Color32; 8],
    pub map_others: Color32,
    pub overlay: Color32,
    pub on_overlay: Color32,
    /// A light line with a dark edge shows on any picture.
    pub cross: Color32,
    pub cross_edge: Color32,
    pub shadow: Color32,
    pub veil: Color32,
}

/// Returns colours that are written as 0xRRGGBB.
const fn colours<const N: usize>(hex: [u32; N]) -> [Color32; N] {
    let mut colours = [Color32::BLACK; N];
    let mut at = 0;
    while at < N {
        let [_, red, green, blue] = hex[at].to_be_bytes();
        colours[at] = Color32::from_rgb(red, green, blue);
        at += 1;
    }
    colours
}

static DARK: Palette = Palette {
    canvas: Color32::from_rgb(0x12, 0x14, 0x18),
    panel: Color32::from_rgb(0x1A, 0x1D, 0x23),
    well: Color32::from_rgb(0x0A, 0x0B, 0x0E),
    raised: Color32::from_rgb(0x27, 0x2B, 0x34),
    raised_hover: Color32::from_rgb(0x33, 0x39, 0x45),
    field: Color32::from_rgb(0x10, 0x12, 0x16),
    line: Color32::from_rgb(0x2E, 0x33, 0x3D),
    text: Color32::from_rgb(0xE8, 0xEA, 0xEE),
    weak: Color32::from_rgb(0xA2, 0xAA, 0xB8),
    accent: Color32::from_rgb(0x7A, 0xA7, 0xFF),
    on_accent: Color32::from_rgb(0x0B, 0x12, 0x20),
    accent_soft: Color32::from_rgb(0x2A, 0x3B, 0x5C),
    right: Color32::from_rgb(0x46, 0xC9, 0xA2),
    right_soft: Color32::from_rgb(0x1B, 0x46, 0x3B),
    own: Color32::from_rgb(0x9C, 0xCB, 0xE6),
    own_soft: Color32::from_rgb(0x25, 0x40, 0x50),
    fooled: Color32::from_rgb(0xFF, 0xA9, 0x4D),
    fooled_soft: Color32::from_rgb(0x57, 0x38, 0x16),
    asked: Color32::from_rgb(0xDB, 0x9C, 0xEE),
    asked_soft: Color32::from_rgb(0x4E, 0x2E, 0x59),
    error: Color32::from_rgb(0xFF, 0x86, 0x7C),
    bar: Color32::from_rgb(0x3A, 0x42, 0x51),
    runs: colours([0x1FB9FF, 0xF0B309, 0x109668, 0xFF73BB, 0xFFFF90, 0xF1431D, 0x7963FF, 0xBFEDFF]),
    classes: colours([0xC8571B, 0x8A6BFF, 0xFFF27A, 0xF0F2F5, 0x6C7A92]),
    map_label: Color32::from_rgb(0x3A, 0x42, 0x51),
    map_classes: colours([0x1FB9FF, 0xF0B309, 0x109668, 0xFF73BB, 0xFFFF90, 0xF1431D, 0x7963FF, 0xBFEDFF]),
    map_others: Color32::from_rgb(0x8B, 0x93, 0xA1),
    overlay: Color32::from_rgba_premultiplied(0x0A, 0x0B, 0x0E, 0xE0),
    on_overlay: Color32::from_rgb(0xF2, 0xF4, 0xF7),
    cross: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    cross_edge: Color32::from_rgb(0x00, 0x00, 0x00),
    shadow: Color32::from_black_alpha(110),
    veil: Color32::from_black_alpha(150),
};

static LIGHT: Palette = Palette {
    canvas: Color32::from_rgb(0xF1, 0xF3, 0xF6),
    panel: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    well: Color32::from_rgb(0xDD, 0xE1, 0xE8),
    raised: Color32::from_rgb(0xE9, 0xEC, 0xF1),
    raised_hover: Color32::from_rgb(0xDB, 0xE0, 0xE8),
    field: Color32::from_rgb(0xFA, 0xFB, 0xFC),
    line: Color32::from_rgb(0xD3, 0xD8, 0xE0),
    text: Color32::from_rgb(0x15, 0x18, 0x1E),
    weak: Color32::from_rgb(0x50, 0x5A, 0x6A),
    accent: Color32::from_rgb(0x1F, 0x55, 0xD0),
    on_accent: Color32::from_rgb(0xFF, 0xFF, 0xFF),
    accent_soft: Color32::from_rgb(0xD3, 0xE1, 0xFF),
    right: Color32::from_rgb(0x00, 0x6E, 0x52),
    right_soft: Color32::from_rgb(0xBF, 0xE8, 0xDB),
    own: Color32::from_rgb(0x1A, 0x5A, 0x7E),
    own_soft: Color32::from_rgb(0xC8, 0xE3, 0xF1),
    fooled: Color32::from_rgb(0x9C, 0x48, 0x00),
    fooled_soft: Color32::from_rgb(0xFF, 0xDF, 0xBC),
    asked: Color32::from_rgb(0x7F, 0x2D, 0x9C),
    asked_soft: Color32::from_rgb(0xEF, 0xD8, 0xF7),
    error: Color32::from_rgb(0xB4, 0x1C, 0x1C),
    bar: Color32::from_rgb(0xC8, 0xD0, 0xDC),
    runs: colours([0x0A269F, 0xFF4C00, 0x1A647D, 0x971507, 0x8688BD, 0x1D173E, 0x4147FF, 0x5E9735]),
    classes: colours([0xB01010, 0x4147FF, 0xB8860B, 0x20232B, 0x2090C0]),
    map_label: Color32::from_rgb(0xDD, 0xE1, 0xE8),
    map_classes: colours([0x0072B2, 0xE69F00, 0x009E73, 0xCC79A7, 0xF0E442, 0xD55E00, 0x56B4E9, 0x1D173E]),
    map_others: Color32::from_rgb(0x7A, 0x82, 0x90),
    shadow: Color32::from_black_alpha(36),
    veil: Color32::from_black_alpha(90),
    ..DARK
};

/// Returns the colours of the theme in which this part of the window is drawn.
pub fn palette(ui: &Ui) -> &'static Palette {
    if ui.visuals().dark_mode { &DARK } else { &LIGHT }
}

/// Returns the colour of an answer that is written on a picture, where the ground is dark in both themes.
pub fn on_overlay(standing: Standing) -> Color32 {
    match standing {
        Standing::Right => DARK.right,
        Standing::Own => DARK.on_overlay,
        Standing::Fooled => DARK.fooled,
        Standing::AsAsked => DARK.asked,
    }
}

/// Returns the colour of the label, which depends on how the net's answer for the untouched picture stands.
pub fn label_colour(palette: &Palette, before: Standing) -> Color32 {
    if before == Standing::Own { palette.own } else { palette.right }
}

pub fn icon_of(verdict: Verdict) -> MaterialIcon {
    match verdict {
        Verdict::StillRight => icons::ICON_SHIELD,
        Verdict::Fooled => icons::ICON_BOLT,
        Verdict::FooledAsAsked => icons::ICON_TARGET,
    }
}

/// Returns the ground of an interval around a line of this colour.
pub fn band_of(colour: Color32) -> Color32 {
    colour.gamma_multiply(0.16)
}

/// Returns the colour of a line that stands back behind another of the same colour.
pub fn faint_of(colour: Color32) -> Color32 {
    colour.gamma_multiply(0.4)
}

/// Tells whether the window is so low (or its type so large) that the pictures need every line.
pub fn compact(ui: &Ui) -> bool {
    ui.ctx().content_rect().height() < COMPACT_BELOW
}

pub fn row_gap(ui: &Ui) -> f32 {
    if compact(ui) { SPACE_1 } else { SPACE_2 }
}

pub fn row_height(ui: &Ui) -> f32 {
    if compact(ui) { CONTROL_HEIGHT } else { ROW_HEIGHT }
}

pub fn strong(text: impl Into<String>) -> RichText {
    RichText::new(text).family(FontFamily::Name(STRONG.into()))
}

pub fn weak(ui: &Ui, text: impl Into<String>) -> RichText {
    RichText::new(text).small().color(palette(ui).weak)
}

pub fn caption(ui: &Ui, text: impl Into<String>) -> RichText {
    strong(text).size(12.0).color(palette(ui).weak)
}

/// Gives every digit the same width, for a number that changes in place.
pub fn number(text: impl Into<String>) -> RichText {
    RichText::new(text).monospace()
}

pub fn heading_font() -> FontId {
    strong_of(15.0)
}

pub fn verdict_font() -> FontId {
    strong_of(20.0)
}

pub fn line_font() -> FontId {
    strong_of(17.0)
}

pub fn symbol_font() -> FontId {
    strong_of(26.0)
}

pub fn strong_font() -> FontId {
    strong_of(13.5)
}

pub fn body_font() -> FontId {
    FontId::new(13.5, FontFamily::Proportional)
}

pub fn small_font() -> FontId {
    FontId::new(12.0, FontFamily::Proportional)
}

pub fn number_font() -> FontId {
    FontId::new(12.0, FontFamily::Monospace)
}

pub fn icon_font(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(egui_material_icons::FONT_FAMILY.into()))
}

/// Returns the height of type on the stage: 34 pixels in a window of 1080 lines, where 30 can be read from the last
/// row; less in a window narrower than 4:3.
pub fn stage_size(ctx: &Context) -> f32 {
    let window = ctx.content_rect();
    window.height().min(0.75 * window.width()) * 34.0 / 1080.0
}

/// Makes all type of this part of the window this high, and controls with it.
pub fn enlarge(ui: &mut Ui, size: f32) {
    let style = ui.style_mut();
    style.text_styles = text_styles(size, size, strong_of(1.4 * size), size);
    let spacing = &mut style.spacing;
    spacing.item_spacing = Vec2::splat(0.5 * size);
    spacing.button_padding = Vec2::new(0.6 * size, 0.3 * size);
    spacing.interact_size = Vec2::new(1.8 * size, 1.8 * size);
    spacing.slider_width = 8.0 * size;
    spacing.icon_width = size;
}

fn text_styles(small: f32, body: f32, heading: FontId, number: f32) -> BTreeMap<TextStyle, FontId> {
    [
        (TextStyle::Small, FontId::proportional(small)),
        (TextStyle::Body, FontId::proportional(body)),
        (TextStyle::Button, FontId::proportional(body)),
        (TextStyle::Heading, heading),
        (TextStyle::Monospace, FontId::monospace(number)),
    ]
    .into()
}

pub fn size_of_body(ui: &Ui) -> f32 {
    TextStyle::Body.resolve(ui.style()).size
}

pub fn strong_of(size: f32) -> FontId {
    FontId::new(size, FontFamily::Name(STRONG.into()))
}

pub fn bar_frame(ui: &Ui) -> egui::Frame {
    egui::Frame::new().fill(palette(ui).panel).inner_margin(Margin::symmetric(16, 8))
}

pub fn caution_frame(ui: &Ui, above: i8) -> egui::Frame {
    egui::Frame::new().fill(palette(ui).fooled_soft).corner_radius(RADIUS).inner_margin(Margin::symmetric(8, above))
}

pub fn question_frame(ui: &Ui) -> egui::Frame {
    egui::Frame::window(ui.style()).inner_margin(Margin::same(20))
}

pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts());
    for (theme, palette) in [(Theme::Dark, &DARK), (Theme::Light, &LIGHT)] {
        ctx.set_visuals_of(theme, visuals(theme, palette));
    }
    ctx.all_styles_mut(|style| {
        style.text_styles = text_styles(small_font().size, body_font().size, heading_font(), number_font().size);
        style.drag_value_text_style = TextStyle::Monospace;
        let spacing = &mut style.spacing;
        spacing.item_spacing = Vec2::splat(SPACE_2);
        spacing.button_padding = Vec2::new(10.0, SPACE_1);
        spacing.interact_size.y = CONTROL_HEIGHT;
        spacing.menu_margin = Margin::same(SPACE_2 as i8);
        spacing.window_margin = Margin::same(SPACE_4 as i8);
        spacing.tooltip_width = 360.0;
        spacing.combo_height = 420.0;
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.35;
        style.animation_time = 0.0;
    });
}

/// Inter is for text, Hack (egui's own) for numbers and for the few signs that Inter lacks, such as ∇.
fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::default();
    let mut add = |name: &str, bytes: &'static [u8]| {
        fonts.font_data.insert(name.into(), FontData::from_static(bytes).into());
    };
    add("Inter", crate::figure::font::INTER);
    add("Inter SemiBold", include_bytes!("../../assets/fonts/Inter-SemiBold.otf"));
    // The icons that are used, cut out by assets/fonts/subset.py: the whole font is larger than all of the others
    // together.
    let mut icons = FontData::from_static(include_bytes!("../../assets/fonts/MaterialSymbols-used.ttf"));
    icons.tweak.y_offset_factor = 0.05;
    fonts.font_data.insert(ICONS.into(), icons.into());

    let family = |first: &str| -> Vec<String> { vec![first.into(), "Hack".into(), "egui-icons".into()] };
    fonts.families.insert(FontFamily::Proportional, family("Inter"));
    fonts.families.insert(FontFamily::Name(STRONG.into()), family("Inter SemiBold"));
    fonts.families.insert(FontFamily::Monospace, vec!["Hack".into(), "Inter".into()]);
    fonts.families.insert(FontFamily::Name(egui_material_icons::FONT_FAMILY.into()), vec![ICONS.into()]);
    fonts
}

fn visuals(theme: Theme, p: &Palette) -> Visuals {
    let mut v = theme.default_visuals();
    let radius = CornerRadius::same(RADIUS);
    let widget = |fill: Color32, edge: Color32, text: Color32| WidgetVisuals {
        bg_fill: fill,
        weak_bg_fill: fill,
        bg_stroke: Stroke::new(1.0, edge),
        corner_radius: radius,
        fg_stroke: Stroke::new(1.0, text),
        expansion: 0.0,
    };
    v.widgets.noninteractive = widget(p.panel, p.line, p.text);
    v.widgets.inactive = widget(p.raised, p.line, p.text);
    v.widgets.inactive.bg_fill = p.field; // the box of a check mark
    v.widgets.hovered = widget(p.raised_hover, p.line, p.text);
    // "active" is also the look of a control that has the keyboard: its edge shows where one is.
    v.widgets.active = widget(p.raised_hover, p.accent, p.text);
    v.widgets.open = widget(p.raised_hover, p.line, p.text);
    v.selection = Selection { bg_fill: p.accent_soft, stroke: Stroke::new(1.0, p.text) };
    v.weak_text_color = Some(p.weak);
    v.hyperlink_color = p.accent;
    v.extreme_bg_color = p.field;
    v.faint_bg_color = p.raised;
    v.warn_fg_color = p.fooled;
    v.error_fg_color = p.error;
    v.panel_fill = p.canvas;
    v.window_fill = p.panel;
    v.window_stroke = Stroke::new(1.0, p.line);
    v.window_corner_radius = CornerRadius::same(10);
    v.menu_corner_radius = CornerRadius::same(8);
    v.window_shadow = Shadow { offset: [0, 8], blur: 24, spread: 0, color: p.shadow };
    v.popup_shadow = Shadow { offset: [0, 4], blur: 12, spread: 0, color: p.shadow };
    v.text_cursor.blink = false; // a blinking cursor would repaint the window for ever
    v.slider_trailing_fill = true;
    v
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    fn icons_in(path: &Path, found: &mut BTreeSet<String>) {
        if path.is_dir() {
            let files = std::fs::read_dir(path).unwrap();
            files.for_each(|file| icons_in(&file.unwrap().path(), found));
            return;
        }
        let text = std::fs::read_to_string(path).unwrap();
        let names = text.split(|c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'));
        found.extend(names.filter(|name| name.len() > 5 && name.starts_with(concat!("ICON", "_"))).map(str::to_owned));
    }

    #[test]
    fn the_font_of_icons_holds_all_that_are_used() {
        let mut used = BTreeSet::new();
        icons_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/app"), &mut used);
        let held: BTreeSet<String> =
            include_str!("../../assets/fonts/MaterialSymbols-used.txt").lines().map(str::to_owned).collect();
        let missing: Vec<_> = used.difference(&held).collect();
        assert!(missing.is_empty() && used.len() > 40, "run assets/fonts/subset.py: it lacks {missing:?}");
    }
}
