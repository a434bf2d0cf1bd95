//! Names of label formats and layouts on the command line.

use adatad_data::datasets::Layout;
use adatad_data::formats::Format;
use adatad_data::import::Source;

/// What can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Written {
    #[value(name = "activitynet")]
    ActivityNet,
    #[value(name = "actionformer")]
    ActionFormer,
    Csv,
    CsvPerVideo,
    Trace,
    Via,
    #[value(name = "labelstudio")]
    LabelStudio,
    Boris,
    Elan,
    Cvat,
    Vtt,
    Srt,
}

/// What can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Read {
    /// ActivityNet and OpenTAD JSON; THUMOS-14, MultiTHUMOS, HACS, FineAction, Ego4D
    #[value(name = "activitynet")]
    ActivityNet,
    #[value(name = "actionformer")]
    ActionFormer,
    /// Any of video,label,start,end; label,start,end; labelId,timestamp,endTimestamp
    Csv,
    CsvPerVideo,
    Trace,
    Via,
    #[value(name = "labelstudio")]
    LabelStudio,
    Boris,
    Elan,
    Cvat,
    Vtt,
    Srt,
    /// THUMOS-14 as AFSD has it: two CSV files
    Afsd,
    /// ActivityNet-1.3 as BSN has it: JSON and CSV
    Bsn,
    /// EPIC-Kitchens-100: segments, videos and classes as CSV
    EpicVerb,
    EpicNoun,
    Charades,
    PkuMmd,
}

impl Written {
    pub(super) fn format(self) -> Format {
        match self {
            Written::ActivityNet => Format::ActivityNet,
            Written::ActionFormer => Format::ActionFormer,
            Written::Csv => Format::Csv,
            Written::CsvPerVideo => Format::VideoCsv,
            Written::Trace => Format::TraceCsv,
            Written::Via => Format::Via,
            Written::LabelStudio => Format::LabelStudio,
            Written::Boris => Format::Boris,
            Written::Elan => Format::Elan,
            Written::Cvat => Format::Cvat,
            Written::Vtt => Format::WebVtt,
            Written::Srt => Format::Srt,
        }
    }
}

impl Read {
    pub(super) fn source(self) -> Source {
        let format = match self {
            Read::ActivityNet => Format::ActivityNet,
            Read::ActionFormer => Format::ActionFormer,
            Read::Csv => Format::Csv,
            Read::CsvPerVideo => Format::VideoCsv,
            Read::Trace => Format::TraceCsv,
            Read::Via => Format::Via,
            Read::LabelStudio => Format::LabelStudio,
            Read::Boris => Format::Boris,
            Read::Elan => Format::Elan,
            Read::Cvat => Format::Cvat,
            Read::Vtt => Format::WebVtt,
            Read::Srt => Format::Srt,
            Read::Afsd => return Source::Layout(Layout::Afsd),
            Read::Bsn => return Source::Layout(Layout::Bsn),
            Read::EpicVerb => return Source::Layout(Layout::EpicVerb),
            Read::EpicNoun => return Source::Layout(Layout::EpicNoun),
            Read::Charades => return Source::Layout(Layout::Charades),
            Read::PkuMmd => return Source::Layout(Layout::PkuMmd),
        };
        Source::Format(format)
    }
}
