"""Cards of the encoders that come with xbench: values only; they are opened elsewhere.

Languages seen in pre-training are BCP-47 and stand only where the publisher lists them: mBERT's in the multilingual
README of google-research/bert, XLM-R's in the model card (93 codes; the paper counts 100, with romanised variants and
second scripts), XLM-15's and LaBSE's in their model cards.
"""

from xbench.encoder import Encoder

_MBERT = (
    "af", "an", "ar", "ast", "az", "azb", "ba", "bar", "be", "bg", "bn", "bpy", "br", "bs", "ca", "ce", "ceb", "cs",
    "cv", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa", "fi", "fr", "fy", "ga", "gl", "gu", "he", "hi", "hr",
    "ht", "hu", "hy", "id", "io", "is", "it", "ja", "jv", "ka", "kk", "kn", "ko", "ky", "la", "lb", "lmo", "lt", "lv",
    "mg", "min", "mk", "ml", "mn", "mr", "ms", "my", "nb", "nds", "ne", "new", "nl", "nn", "oc", "pa", "pl", "pms",
    "pnb", "pt", "ro", "ru", "scn", "sco", "sh", "sk", "sl", "sq", "sr", "su", "sv", "sw", "ta", "te", "tg", "th", "tl",
    "tr", "tt", "uk", "ur", "uz", "vi", "vo", "war", "yo", "zh-Hans", "zh-Hant",
)  # fmt: skip
_CC100 = (
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "br", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "eo", "es",
    "et", "eu", "fa", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "he", "hi", "hr", "hu", "hy", "id", "is", "it",
    "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la", "lo", "lt", "lv", "mg", "mk", "ml", "mn", "mr", "ms",
    "my", "ne", "nl", "no", "om", "or", "pa", "pl", "ps", "pt", "ro", "ru", "sa", "sd", "si", "sk", "sl", "so", "sq",
    "sr", "su", "sv", "sw", "ta", "te", "th", "tl", "tr", "ug", "uk", "ur", "uz", "vi", "xh", "yi", "zh",
)  # fmt: skip
_XNLI15 = ("ar", "bg", "de", "el", "en", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")
_LABSE = (
    "af", "am", "ar", "as", "az", "be", "bg", "bn", "bo", "bs", "ca", "ceb", "co", "cs", "cy", "da", "de", "el", "en",
    "eo", "es", "et", "eu", "fa", "fi", "fr", "fy", "ga", "gd", "gl", "gu", "ha", "haw", "he", "hi", "hmn", "hr", "ht",
    "hu", "hy", "id", "ig", "is", "it", "ja", "jv", "ka", "kk", "km", "kn", "ko", "ku", "ky", "la", "lb", "lo", "lt",
    "lv", "mg", "mi", "mk", "ml", "mn", "mr", "ms", "mt", "my", "ne", "nl", "no", "ny", "or", "pa", "pl", "pt", "ro",
    "ru", "rw", "si", "sk", "sl", "sm", "sn", "so", "sq", "sr", "st", "su", "sv", "sw", "ta", "te", "tg", "th", "tk",
    "tl", "tr", "tt", "ug", "uk", "ur", "uz", "vi", "wo", "xh", "yi", "yo", "zh", "zu",
)  # fmt: skip
_MINI = ("source", "near", "mid", "ord", "scr", "scro", "scrl", "scrol")

mini = Encoder(
    name="mini",
    made="xbench.shipped:mini",
    family="mini",
    seen=_MINI,
    licence="Apache-2.0",
    note="pretrained here, in minutes, on the mini suite's synthetic languages: "
    "masked and translation language modelling",
)
mini_untrained = Encoder(
    name="mini-untrained",
    made="xbench.shipped:mini_untrained",
    family="mini",
    licence="Apache-2.0",
    note="the control: the shape and vocabulary of `mini` with random weights",
)
mini_mmlm = Encoder(
    name="mini-mmlm",
    made="xbench.shipped:mini_mmlm",
    family="mini",
    seen=_MINI,
    licence="Apache-2.0",
    note="as `mini` but without translation pairs: multilingual masked language modelling alone",
)
mbert = Encoder(
    name="mbert",
    checkpoint="google-bert/bert-base-multilingual-cased",
    family="BERT",
    seen=_MBERT,
    licence="Apache-2.0",
    paper="devlin-etal-2019-bert",
)
xlm_15 = Encoder(
    name="xlm-15",
    checkpoint="FacebookAI/xlm-mlm-tlm-xnli15-1024",
    family="XLM",
    seen=_XNLI15,
    licence="CC-BY-NC-4.0",
    paper="arXiv:1901.07291",
    note="masked and translation language modelling on the fifteen languages of XNLI",
)
xlmr_base = Encoder(
    name="xlmr-base",
    checkpoint="FacebookAI/xlm-roberta-base",
    family="XLM-R",
    seen=_CC100,
    licence="MIT",
    paper="conneau-etal-2020-unsupervised",
)
xlmr_large = Encoder(
    name="xlmr-large",
    checkpoint="FacebookAI/xlm-roberta-large",
    family="XLM-R",
    seen=_CC100,
    licence="MIT",
    paper="conneau-etal-2020-unsupervised",
)
infoxlm_base = Encoder(
    name="infoxlm-base",
    checkpoint="microsoft/infoxlm-base",
    family="InfoXLM",
    paper="chi-etal-2021-infoxlm",
    note="94 languages according to its paper",
)
infoxlm_large = Encoder(
    name="infoxlm-large",
    checkpoint="microsoft/infoxlm-large",
    family="InfoXLM",
    paper="chi-etal-2021-infoxlm",
    note="94 languages according to its paper",
)
unicoder = Encoder(
    name="unicoder",
    family="Unicoder",
    paper="huang-etal-2019-unicoder",
    note="no checkpoint on the Hub: convert its release and give the folder, as `--encoder unicoder=FOLDER`",
)
mdeberta_v3 = Encoder(
    name="mdeberta-v3",
    checkpoint="microsoft/mdeberta-v3-base",
    family="DeBERTa",
    seen=_CC100,
    licence="MIT",
    paper="arXiv:2111.09543",
)
mmbert_base = Encoder(
    name="mmbert-base",
    checkpoint="jhu-clsp/mmBERT-base",
    family="mmBERT",
    licence="MIT",
    paper="arXiv:2509.06888",
    note="over 1,800 languages according to its paper",
)
mmbert_small = Encoder(
    name="mmbert-small",
    checkpoint="jhu-clsp/mmBERT-small",
    family="mmBERT",
    licence="MIT",
    paper="arXiv:2509.06888",
    note="over 1,800 languages according to its paper",
)
labse = Encoder(
    name="labse",
    checkpoint="sentence-transformers/LaBSE",
    family="LaBSE",
    seen=_LABSE,
    licence="Apache-2.0",
    paper="feng-etal-2022-language",
)
