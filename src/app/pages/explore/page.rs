//! The page shows a picture, its perturbation and its doppelgänger.

use std::path::PathBuf;
use std::time::Instant;

use egui::{CentralPanel, Context, Event, Frame, Margin, Panel, Ui};

use crate::app::commands::Command;
use crate::app::commands::tab::Tab;
use crate::app::commands::window::WindowCommand;
use crate::app::files::animation::{Recording, recorded_bytes};
use crate::app::files::dialogs::Question;
use crate::app::files::figures::OfferedFigure;
use crate::app::files::view::{Found, examples, may_hold_view};
use crate::app::notices::{NoticeButton, Tone};
use crate::app::page::{Menu, Page};
use crate::app::pages::explore::camera::Camera;
use crate::app::pages::explore::canvas;
use crate::app::pages::explore::commands::ExploreCommand;
use crate::app::pages::explore::controls::{Controls, LABEL_FIELD, TARGET_FIELD};
use crate::app::pages::explore::figures::figures;
use crate::app::pages::explore::invert::InvertRemark;
use crate::app::pages::explore::linear::LinearView;
use crate::app::pages::explore::net_band::net_band;
use crate::app::pages::explore::opening::Opening;
use crate::app::pages::explore::pictures::PicturePanes;
use crate::app::pages::explore::results::{conditions, line};
use crate::app::pages::explore::samples::Samples;
use crate::app::pages::explore::why::logic;
use crate::app::pages::explore::why::pane::{self, WhyPane};
use crate::app::pages::explore::words;
use crate::app::pages::train::commands::NetMoment;
use crate::app::settings::Settings;
use crate::app::shell::Shell;
use crate::app::system::clipboard::Clip;
use crate::app::theme::{self, palette};
use crate::app::undo::HistoryStep;
use crate::engine::attack::{Loss, MAX_PHOTO_PIXELS};
use crate::engine::data::{sample, samples};
use crate::engine::files::write_atomically;
use crate::engine::picture::{Heatmap, Picture, PictureKind, Region, save_png};
use crate::worker::{Shown, Source};

const ZOOM_STEP: f32 = 1.5;

#[derive(Default)]
pub struct ExplorePage {
    pictures: PicturePanes,
    pub samples: Samples,
    controls: Controls,
    linear: LinearView,
    why: WhyPane,
    recording: Option<Recording>,
    opening: Option<Opening>,
}

impl Page for ExplorePage {
    fn show(&mut self, ui: &mut Ui, shell: &mut Shell, out: &mut Vec<Command>) {
        shell.explore.is_blank = self.pictures.canvas.is_blank();
        let gap = theme::row_gap(ui);
        let margins = |top: f32, bottom: f32| Margin { left: 16, right: 16, top: top as i8, bottom: bottom as i8 };
        let strip = Frame::new().fill(palette(ui).canvas).inner_margin(margins(gap, 0.0));
        Panel::top("samples").frame(strip).show_separator_line(false).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = gap;
            self.samples.show(ui, &shell.explore, &shell.settings.recent, out);
            net_band(ui, &shell.train, &shell.explore.view.model, out);
            // Messages stand in the place of the line, so that nothing moves.
            if !shell.notices.show_rows(ui, out) {
                line(ui, &shell.explore, out);
            }
        });
        let dock = theme::bar_frame(ui).inner_margin(margins(gap, gap));
        Panel::bottom("dock").frame(dock).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = gap;
            self.controls.show(ui, &shell.explore, shell.why.search.as_ref().map(|search| search.share), out);
            ui.spacing_mut().item_spacing.y = 0.0;
            conditions(ui, &shell.explore, out);
        });
        let half = 0.5 * gap;
        let band = || Frame::new().fill(palette(ui).canvas).inner_margin(margins(half, half));
        let (below, pictures) = (band(), band());
        let is_open = shell.is_why_open();
        let room = ui.available_height() - below.total_margin().sum().y - pictures.total_margin().sum().y;
        let height = pane::height(ui, room, is_open, shell.settings.why.has_map) + below.total_margin().sum().y;
        Panel::bottom("why").frame(below).exact_size(height).show(ui, |ui| {
            self.why.show(ui, shell, out);
        });
        CentralPanel::default().frame(pictures).show(ui, |ui| {
            self.pictures.show(ui, &shell.explore, out);
        });
        self.linear.show(ui, &shell.explore, out);
        logic::study(shell);
    }

    fn tick(&mut self, ctx: &Context, shell: &mut Shell) {
        shell.explore.note(ctx.input(|i| i.time));
        let now = Instant::now();
        self.rise(ctx, shell, now);
        self.go_on_recording(ctx, shell);
        let rests = [shell.explore.play_on(now), shell.explore.rest(now)];
        rests.into_iter().flatten().for_each(|rest| ctx.request_repaint_after(rest));
    }

    fn drop_hint(&self, files: usize) -> &'static str {
        if files == 1 { "Drop to attack this picture" } else { "Drop to attack the last of these pictures" }
    }

    fn take_dropped(&mut self, path: PathBuf, _shell: &mut Shell) -> Option<Command> {
        Some(ExploreCommand::Show(Source::File(path)).into())
    }

    fn menu(&self, shell: &Shell) -> Menu {
        Menu {
            history: Some(shell.explore.can_step()),
            change: vec![ExploreCommand::Draw.into()],
            save: vec![
                ExploreCommand::SaveDialog.into(),
                ExploreCommand::SaveOriginalDialog.into(),
                WindowCommand::ExportFigure.into(),
                WindowCommand::SaveReport.into(),
                WindowCommand::SaveViewDialog.into(),
                ExploreCommand::SaveAnimationDialog.into(),
            ],
            copy: vec![
                ExploreCommand::CopyPicture.into(),
                WindowCommand::CopyFigure.into(),
                ExploreCommand::CopyCommand.into(),
            ],
        }
    }

    fn figures(&self, shell: &Shell) -> Vec<OfferedFigure> {
        figures(shell)
    }

    fn step_history(&mut self, step: HistoryStep, shell: &mut Shell) {
        shell.explore.step_history(step);
    }

    fn remember(&self, shell: &mut Shell) {
        shell.explore.remember(&mut shell.settings);
    }
}

impl ExplorePage {
    pub fn new(_settings: &Settings) -> Self {
        Self::default()
    }

    /// Lets ε rise once by itself from the untouched picture.
    pub fn begin_opening(&mut self, shell: &mut Shell) {
        self.opening = Some(Opening::default());
        shell.explore.set_eps(0.0);
    }

    pub fn carry_out(&mut self, command: ExploreCommand, shell: &mut Shell, ctx: &Context) {
        let explore = &mut shell.explore;
        match command {
            ExploreCommand::Eps(eps) => explore.set_eps(eps),
            ExploreCommand::EpsUp => explore.set_eps(explore.view.eps + explore.eps_step()),
            ExploreCommand::EpsDown => explore.set_eps(explore.view.eps - explore.eps_step()),
            ExploreCommand::EpsUpFine => explore.set_eps(explore.view.eps + 0.1 * explore.eps_step()),
            ExploreCommand::EpsDownFine => explore.set_eps(explore.view.eps - 0.1 * explore.eps_step()),
            ExploreCommand::EpsReset => explore.set_eps(explore.usual_eps()),
            ExploreCommand::Attack(command) => explore.change_attack(command),
            ExploreCommand::Why(command) => logic::carry_out(command, shell),
            ExploreCommand::Goal(goal) => {
                explore.view.goal = goal;
                self.controls.target.is_wanted = false;
            }
            ExploreCommand::SearchTarget => self.controls.target.search(ctx, TARGET_FIELD),
            ExploreCommand::Label(label) => {
                explore.view.label = label;
                self.controls.label.is_wanted = false;
            }
            ExploreCommand::GiveLabel => self.controls.label.search(ctx, LABEL_FIELD),
            ExploreCommand::ToggleOwnPixels => explore.view.own_pixels = Some(!explore.has_own_pixels()),
            ExploreCommand::MakeIt(class) => explore.make_it(class),
            ExploreCommand::StartOver => explore.start_over(),
            ExploreCommand::KeepBoth { model, picture } => explore.keep_both(model, picture),
            ExploreCommand::Background(background) => explore.view.background = background,
            ExploreCommand::Crop(crop) => explore.view.crop = crop,
            ExploreCommand::Invert(invert) => explore.view.invert = invert,
            ExploreCommand::ToggleInvert => explore.toggle_invert(),
            ExploreCommand::ToggleEightBit => explore.view.eight_bit = !explore.view.eight_bit,
            ExploreCommand::ToggleClip => explore.view.clip = !explore.view.clip,
            ExploreCommand::Follow(loss) => explore.view.loss = loss,
            ExploreCommand::ToggleLoss => {
                let follows = explore.view.loss == Loss::LogOdds;
                explore.view.loss = if follows { Loss::CrossEntropy } else { Loss::LogOdds };
            }
            ExploreCommand::Heatmap(heatmap) => explore.view.heatmap = heatmap,
            ExploreCommand::Look(quantity) => explore.view.heatmap = Heatmap { quantity, ..explore.view.heatmap },
            ExploreCommand::UseModel(name) => explore.set_model(name),
            ExploreCommand::ShowNet(moment) => shell.show_moment(|_| moment),
            ExploreCommand::NextMoment => shell.show_moment(NetMoment::next),
            ExploreCommand::Show(source) => self.show_source(source, shell),
            ExploreCommand::ShowPhotos => {
                self.pictures.canvas.open = false;
                explore.show_kind(PictureKind::Photo);
            }
            ExploreCommand::ShowDigits => explore.show_kind(PictureKind::Digit),
            ExploreCommand::ShowExample(index) => {
                if let Some(view) = examples().into_iter().nth(index) {
                    shell.show_view(Found { view, picture: None });
                }
            }
            ExploreCommand::NextSample => step_sample(shell, 1),
            ExploreCommand::PreviousSample => step_sample(shell, -1),
            ExploreCommand::Draw => {
                self.pictures.canvas.open = !self.pictures.canvas.open;
                if self.pictures.canvas.open {
                    shell.settings.tab = Tab::Explore;
                    explore.set_picture(self.pictures.canvas.picture());
                }
            }
            ExploreCommand::CloseDrawing => self.pictures.canvas.open = false,
            ExploreCommand::ZoomIn => self.pictures.camera.zoom(ZOOM_STEP),
            ExploreCommand::ZoomOut => self.pictures.camera.zoom(1.0 / ZOOM_STEP),
            ExploreCommand::ZoomReset => self.pictures.camera = Camera::default(),
            ExploreCommand::ToggleMore => explore.has_more = !explore.has_more,
            ExploreCommand::ToggleLinear => self.linear.open = !self.linear.open,
            ExploreCommand::CloseLinear => self.linear.open = false,
            ExploreCommand::OpenDialog => shell.ask_system(Question::Open),
            ExploreCommand::SaveDialog => {
                let proposal = shell.save_proposal("adversarial");
                shell.dialogs.ask(Question::Save, &proposal);
                shell.dialogs.remark = shell.explore.shown.as_deref().map(words::saved_as);
            }
            ExploreCommand::SaveTo(path) => shell.worker.save(path),
            ExploreCommand::SaveOriginalDialog => ask_save_original(shell),
            ExploreCommand::SaveOriginalTo(path) => save_original(shell, path),
            ExploreCommand::SaveAnimationDialog => {
                let proposal = shell.save_proposal("animation").with_extension("gif");
                shell.dialogs.ask(Question::SaveAnimation, &proposal);
            }
            ExploreCommand::SaveAnimationTo(path) => self.record(path, shell),
            ExploreCommand::CopyPicture => copy_picture(shell),
            ExploreCommand::CopyCommand => copy_command(shell),
        }
    }

    fn show_source(&mut self, source: Source, shell: &mut Shell) {
        shell.settings.tab = Tab::Explore;
        match source {
            Source::File(path) if may_hold_view(&path) => shell.background.open_view(path),
            source => {
                self.pictures.canvas.open &= matches!(&source, Source::Memory { name, .. } if name == canvas::NAME);
                if matches!(source, Source::File(_)) && shell.explore.view.picture == source {
                    shell.worker.look_again();
                }
                shell.explore.set_picture(source);
            }
        }
    }

    pub fn take_shown(&mut self, shown: Box<Shown>, shell: &mut Shell, ctx: &Context) {
        let crop = shell.explore.view.crop;
        let (model, picture) = (shell.explore.view.model.clone(), shell.explore.view.picture.clone());
        let is_first = shell.explore.shown.is_none();
        let said = shell.explore.shown.as_deref().map(InvertRemark::of);
        if !shell.explore.take_shown(shown) {
            return;
        }
        let has_other_picture = shell.explore.view.picture != picture;
        if is_first {
            // Not before: they would take a processor from the first picture.
            shell.background.thumbnails();
        } else {
            self.tell_pairing(shell, model, picture);
        }
        let Some(shown) = &shell.explore.shown else { return };
        self.pictures.take(shown);
        self.linear.take(ctx, shown);
        if shown.view.picture == shell.explore.view.picture {
            shell.lessons.note_picture(&shown.view.picture);
        }
        if let Source::File(path) = &shown.view.picture {
            shell.settings.remember_file(&path.clone());
        }
        let remark = InvertRemark::of(shown);
        if said.as_ref() != Some(&remark) {
            remark.tell(&mut shell.notices);
        }
        if shell.explore.view.crop != crop && !has_other_picture {
            self.pictures.crop.open = true;
            let most = format!("{:.1} megapixels", MAX_PHOTO_PIXELS as f32 / 1e6);
            let text = format!("At its own resolution, {most} of a photo are attacked: those in the frame.");
            shell.notices.add_brief(text);
        }
    }

    /// Says what took the place of this net or this picture, where the two were of different kinds, with the way back.
    fn tell_pairing(&mut self, shell: &mut Shell, model: String, picture: Source) {
        let Some(shown) = &shell.explore.shown else { return };
        let title = &shown.model.title;
        let what = if shown.reads == PictureKind::Photo { "photographs" } else { "digits" };
        let wanted = &shell.explore.view;
        let (text, model) = if model != wanted.model && picture == wanted.picture && shown.view.model == wanted.model {
            (format!("Changed to {title}, which reads {what}."), model)
        } else if picture != wanted.picture && shown.view.picture == wanted.picture {
            self.pictures.canvas.open = false;
            (format!("{title} reads {what}, so it is shown one."), wanted.model.clone())
        } else {
            return;
        };
        let keep = ExploreCommand::KeepBoth { model, picture }.into();
        shell.notices.add_with(text, NoticeButton { name: "Undo", command: keep });
    }

    /// Shows the picture in a file that holds no view, with the crop that it was saved with.
    pub fn show_file(&mut self, path: PathBuf, crop: Option<Region>, shell: &mut Shell) {
        let file = Source::File(path);
        // The one of the command line, and of the last time, is asked for at once, and read for a view beside that.
        if shell.explore.view.picture == file {
            shell.worker.look_again();
        } else {
            shell.explore.set_picture(file);
        }
        if crop.is_some() {
            shell.explore.view.crop = crop;
            shell.notices.add_brief("Opened with its crop: the part of the photo that it was saved for.");
        }
    }

    fn rise(&mut self, ctx: &Context, shell: &mut Shell, now: Instant) {
        let is_taken = ctx.input(|i| i.pointer.any_pressed() || i.events.iter().any(is_by_hand));
        self.opening.take_if(|_| is_taken);
        let Some(opening) = self.opening.as_mut().filter(|_| shell.explore.shown.is_some()) else { return };
        let (eps, goes_on) = opening.eps(now);
        shell.explore.set_eps(eps);
        ctx.request_repaint();
        self.opening.take_if(|_| !goes_on);
    }

    fn record(&mut self, path: PathBuf, shell: &mut Shell) {
        shell.settings.tab = Tab::Explore;
        let explore = &shell.explore;
        if !explore.view.attack.takes_eps() {
            let text = "This attack takes no ε that could rise; choose one that does, such as FGSM.";
            return shell.notices.add(Tone::Caution, text);
        }
        let eps = if explore.view.eps > 0.0 { explore.view.eps } else { explore.usual_eps() };
        self.recording = Some(Recording { path, eps, frames: Vec::new(), awaited: None });
        shell.notices.shown.clear();
    }

    fn go_on_recording(&mut self, ctx: &Context, shell: &mut Shell) {
        let Some(recording) = self.recording.as_mut() else { return };
        ctx.request_repaint();
        if !recording.take_arrived(ctx) {
            return;
        }
        match recording.next_eps() {
            Some(eps) if shell.explore.view.eps != eps => shell.explore.set_eps(eps),
            Some(_) if shell.explore.is_settled() => recording.ask_frame(ctx),
            Some(_) => {}
            None => {
                let Some(Recording { path, frames, .. }) = self.recording.take() else { return };
                shell.background.export(path, move |path| {
                    let written = write_atomically(path, &recorded_bytes(&frames, path)?, "write the animation");
                    written.map_err(|error| error.to_string())
                });
            }
        }
    }
}

fn step_sample(shell: &mut Shell, by: isize) {
    let samples = samples();
    let is_shown = |name| matches!(&shell.explore.view.picture, Source::Sample(shown) if shown == name);
    let at = samples.iter().position(|sample| is_shown(sample.name));
    let next = at.map_or(0, |at| at.saturating_add_signed(by).min(samples.len() - 1));
    if let Some(sample) = samples.get(next).filter(|_| at != Some(next)) {
        shell.explore.set_picture(Source::Sample(sample.name.to_owned()));
    }
}

fn ask_save_original(shell: &mut Shell) {
    if let Source::File(path) = &shell.explore.view.picture {
        return shell.notices.add_brief(format!("This picture is in a file already:\n{}", path.display()));
    }
    let proposal = shell.save_proposal("original");
    shell.dialogs.ask(Question::SaveOriginal, &proposal);
}

fn save_original(shell: &mut Shell, path: PathBuf) {
    let picture = match &shell.explore.view.picture {
        Source::Memory { picture, .. } => Some(Picture::clone(picture)),
        Source::Sample(name) => sample(name).and_then(|sample| sample.picture().ok()),
        Source::File(_) => None,
    };
    if let Some(picture) = picture {
        shell.background.export(path, move |path| save_png(&picture, path, &[]));
    }
}

fn copy_picture(shell: &mut Shell) {
    if let Some(shown) = &shell.explore.shown {
        let rgba = shown.adversarial_rgba.clone();
        let what = format!("the adversarial picture, {} × {} pixels", rgba.width, rgba.height);
        shell.copy(Clip::Picture(rgba), what, String::new());
    }
}

fn copy_command(shell: &mut Shell) {
    let Some(shown) = shell.explore.shown.as_deref() else { return };
    match words::command_of(shown) {
        Ok((line, remark)) => {
            let more = remark.map_or_else(|| line.clone(), |remark| format!("{line}\n{remark}"));
            shell.copy(Clip::Text(line), "the command of this view", more);
        }
        Err(why) => shell.notices.add(Tone::Caution, why),
    }
}

fn is_by_hand(event: &Event) -> bool {
    matches!(
        event,
        Event::Key { .. } | Event::MouseWheel { .. } | Event::Paste(_) | Event::PasteImage(_) | Event::Touch { .. }
    )
}
