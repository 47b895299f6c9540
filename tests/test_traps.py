"""Every trap that is known to change a number, and the test that springs it: none may lose its test."""

import ast
from functools import cache
from pathlib import Path

import pytest

HERE = Path(__file__).parent

TRAPS = {
    "classification": {
        "label order differs between sources: map by name": (
            "test_traps_classification::test_label_order_of_a_source_changes_neither_what_is_learned_nor_the_score",
            "test_traps_classification::test_a_label_that_the_task_does_not_name_is_never_taken_for_a_number",
            "test_data::test_label_order_of_the_source_does_not_matter",
            "test_data::test_labels_inside_lists_come_by_name",
        ),
        "a checkpoint's own head must not leak its label ids": ("test_opening::test_a_head_of_another_task_does_not_leak",),
        "tables without a header lost their first row": (
            "test_traps_classification::test_a_table_without_a_header_loses_no_row_and_names_no_column_after_one",
        ),
        "PAWS-X has NS and empty rows": (
            "test_traps_classification::test_ns_and_empty_rows_of_pawsx_are_kept_and_scored",
            "test_tasks::test_pawsx_reads_ns_as_an_empty_text",
            "test_data::test_empty_and_null_texts_are_kept_and_counted",
        ),
        "quoting loses rows": ("test_data::test_quotation_marks_and_na_of_tab_separated_files_are_text",),
        "XNLI has 5,010 test and 2,490 dev rows": (
            "test_traps_classification::test_xnli_has_2490_dev_and_5010_test_rows_in_every_language",
        ),
        "gold is each language's own": ("test_traps_classification::test_gold_of_pawsx_is_each_languages_own",),
        "token types only where the model has more than one": (
            "test_kind_pairs::test_no_token_types_where_the_model_has_one_type",
            "test_kind_tags::test_token_types_only_where_the_model_has_more_than_one",
            "test_kind_spans::test_token_types_tell_question_from_context_where_the_model_has_types",
        ),
        "gold that was stripped, or filled with a placeholder, is refused": (
            "test_data::test_stripped_labels_are_refused",
            "test_data::test_placeholder_labels_are_refused",
            "test_data::test_tags_that_are_all_o_are_refused",
        ),
    },
    "tagging": {
        "the first subword is labelled, the rest masked": (
            "test_kind_tags::test_first_subword_is_labelled_and_the_rest_masked",
            "test_traps_tagging::test_the_first_token_of_a_word_stands_for_it_and_no_other",
        ),
        "a word that tokenises to nothing still counts": (
            "test_kind_tags::test_a_word_that_tokenises_to_nothing_still_counts",
            "test_traps_tagging::test_words_that_tokenise_to_nothing_count_as_o_and_how_many_is_told",
        ),
        "a sentence longer than the limit is windowed and stitched": (
            "test_kind_tags::test_a_long_sentence_is_windowed_and_stitched_back",
            "test_traps_tagging::test_a_sentence_longer_than_the_positions_is_read_to_its_end",
        ),
        "words never seen count as O, and how many is recorded": (
            "test_traps_tagging::test_the_record_tells_unread_words_and_the_mode_of_spans",
            "test_traps_tagging::test_unread_words_are_those_of_tagged_sentences_only",
            "test_kind_tags::test_without_a_tag_for_outside_an_unseen_word_is_wrong_whatever_its_tag",
        ),
        "entities are never dropped from the gold": (
            "test_traps_tagging::test_entities_that_no_window_shows_stay_in_the_gold",
        ),
        "lenient and strict spans differ; one mode, recorded": (
            "test_metrics_peers::test_an_i_after_o_opens_a_span_in_the_lenient_mode_only",
            "test_traps_tagging::test_the_record_tells_unread_words_and_the_mode_of_spans",
        ),
        "PAN-X Chinese has stray I- tags": (
            "test_tasks::test_stray_inside_tags_of_wikiann_are_kept",
            "test_traps_tagging::test_stray_inside_tags_of_panx_chinese_make_the_two_modes_differ",
        ),
        "parts of speech are scored by token accuracy": (
            "test_traps_tagging::test_parts_of_speech_are_ranked_by_token_accuracy_and_not_by_span_f1",
            "test_metrics_golden::test_xtreme_udpos_is_span_f1_on_raw_tags_as_seqeval_0_0_12_reads_them",
        ),
        "en:word is split at the first colon": ("test_tasks::test_words_of_wikiann_are_split_at_the_first_colon_only",),
        "byte-level BPE needs a space before split words": (
            "test_opening::test_byte_level_tokenizers_see_split_words_after_a_space",
            "test_kind_tags::test_byte_level_words_are_read_with_a_space_before_them",
        ),
    },
    "question answering": {
        "each set by its own rules": (
            "test_traps_qa::test_each_set_is_ranked_by_its_own_rules_and_the_normaliser_stands_in_the_name",
            "test_metrics_qa::test_squad_rules_on_texts_in_twelve_scripts",
            "test_metrics_qa::test_mlqa_rules_on_texts_in_twelve_scripts",
        ),
        "SQuAD F1 is nearly EM where no spaces are written": (
            "test_traps_qa::test_squad_f1_of_chinese_is_nearly_exact_match_and_the_language_aware_one_is_not",
            "test_metrics_qa::test_words_in_the_languages_that_the_official_scripts_lack",
        ),
        "MLQA's Arabic rule deletes inside words": (
            "test_metrics_qa::test_mlqa_arabic_rule_cuts_inside_words_and_the_fixed_one_does_not",
            "test_traps_qa::test_the_arabic_rule_of_mlqa_deletes_inside_words_of_its_own_answers",
        ),
        "answers are cut from the context by character offsets": (
            "test_traps_qa::test_answers_come_back_from_windows_by_character_offsets",
            "test_data::test_answers_are_cut_from_the_context_by_their_offsets",
            "test_tasks::test_answers_stand_where_their_offsets_say",
        ),
        "offsets of SentencePiece hold spaces": (
            "test_kind_spans::test_no_space_around_an_answer_whose_tokens_hold_the_space",
        ),
        "context windows with stride": (
            "test_kind_spans::test_stride_is_the_step_between_windows_as_in_the_squad_script",
            "test_kind_spans::test_windows_leave_no_token_out",
        ),
        "the best span over windows": (
            "test_kind_spans::test_the_best_span_over_windows_wins_and_an_impossible_one_never",
            "test_kind_spans::test_best_span_against_all_pairs",
        ),
        "an impossible window never wins": (
            "test_traps_qa::test_the_window_that_holds_the_answer_wins_over_windows_that_say_none",
        ),
        "the best over all references": (
            "test_traps_qa::test_the_best_of_all_references_counts",
            "test_metrics_qa::test_the_best_reference_counts_for_each_metric_on_its_own",
        ),
        "shortened ids of TyDiQA stand many times": (
            "test_tasks::test_ids_that_were_shortened_are_kept_apart",
            "test_data::test_duplicate_ids_are_kept_apart_and_counted",
        ),
        "never select on what is scored": (
            "test_traps_qa::test_no_split_that_is_scored_may_choose_a_checkpoint",
            "test_tasks::test_what_is_scored_never_chooses",
            "test_tasks::test_xquad_and_mlqa_share_their_training_set",
        ),
        "an empty gold answer is refused": (
            "test_data::test_empty_gold_answers_are_refused",
            "test_traps_qa::test_an_empty_gold_answer_is_refused_by_the_reader_as_by_the_metric",
            "test_metrics_qa::test_a_blank_gold_answer_is_refused_and_one_beside_another_is_not",
        ),
    },
    "retrieval": {
        "both directions, named": (
            "test_traps_everywhere::test_the_two_directions_of_retrieval_are_two_metrics_and_each_says_who_asks_it",
            "test_metrics_count::test_each_direction_of_retrieval_is_counted_on_its_own",
            "test_metrics_golden::test_xtreme_tatoeba",
        ),
        "sets differ in size: comparable in a fixed pool only": (
            "test_tasks::test_sets_of_tatoeba_differ_in_size",
            "test_metrics_retrieval::test_trap_pools_of_two_sizes_are_comparable_only_at_one_size",
            "test_metrics_retrieval::test_a_language_with_fewer_sentences_has_no_score_in_the_pool",
        ),
        "mteb's headline is weighted F1": ("test_metrics_retrieval::test_weighted_f1_is_scikit_learns",),
        "chrF gives credit for near misses, with its signature": (
            "test_metrics_retrieval::test_real_sentences_score_as_by_sacrebleu",
            "test_metrics_retrieval::test_the_detail_holds_sacrebleus_own_signature",
        ),
        "hidden_states[0] is the embeddings": (
            "test_kind_retrieval::test_blocks_are_counted_from_one_and_the_embeddings_are_none",
            "test_kind_retrieval::test_the_middle_block_is_that_of_xtreme",
        ),
        "mean over all tokens, padding left out": ("test_kind_retrieval::test_pooling_leaves_padding_out",),
        "a checkpoint's own pooling is taken": (
            "test_opening::test_own_pooling",
            "test_kind_retrieval::test_the_checkpoint_chooses_the_pooling_unless_the_recipe_does",
        ),
        "BUCC is mining: margins, and a threshold that is tuned on dev": (
            "test_kind_mining::test_a_fixed_threshold_is_zero_shot_and_a_tuned_one_never_is",
            "test_kind_mining::test_the_order_of_the_rows_tells_nothing",
            "test_kind_mining::test_a_sentence_that_stands_twice_is_never_proposed",
            "test_mining::test_pairs_are_those_of_a_loop",
            "test_mining::test_the_threshold_is_that_of_the_scripts_where_no_scores_are_equal",
            "test_metrics_golden::test_xtreme_bucc",
        ),
        "gold pairs only are another task than mining": (
            "test_kind_mining::test_a_sentence_without_a_partner_costs_precision",
            "test_data::test_examples_of_the_wrong_shape",
        ),
        "layer and pooling stand in the signature": (
            "test_traps_everywhere::test_layer_and_pooling_stand_in_the_signature",
        ),
    },
    "everywhere": {
        "one key inside, the set's own code beside it": (
            "test_traps_everywhere::test_codes_of_data_sets_meet_under_one_key_and_are_kept_beside_it",
            "test_languages::test_codes_of_a_data_set_resolve",
        ),
        "macrolanguages need a proxy": (
            "test_traps_everywhere::test_a_macrolanguage_has_family_and_place_by_its_proxy",
            "test_languages::test_macrolanguages_have_a_proxy",
        ),
        "unknown codes degrade to themselves": (
            "test_traps_everywhere::test_an_unknown_code_stays_itself_and_is_never_latin",
            "test_languages::test_unknown_code_degrades_to_itself",
        ),
        "mDeBERTa fails in fp16": (
            "test_traps_everywhere::test_half_precision_in_which_mdeberta_fails_is_not_offered",
            "test_fit_selection::test_bf16_computes_in_bf16_and_keeps_float32_weights",
        ),
        "checkpoints load in float32 whatever they are stored in": (
            "test_opening::test_weights_are_float32_whatever_is_stored",
        ),
    },
    "bad input": {
        "logits that are no numbers": (
            "test_bad_input::test_vectors_that_are_no_numbers_end_the_run_with_the_reason",
            "test_predict::test_scores_that_are_no_numbers_are_refused",
        ),
        "no predictions": ("test_bad_input::test_no_predictions_at_all_are_refused",),
        "more predictions than gold": ("test_bad_input::test_more_predictions_than_gold_are_refused",),
        "an unknown label": (
            "test_bad_input::test_a_label_that_the_task_does_not_list_is_refused_in_the_gold",
            "test_bad_input::test_an_unknown_label_as_prediction_is_wrong_and_an_unknown_option_is_refused",
        ),
        "gold missing": ("test_bad_input::test_gold_that_is_missing_is_refused_by_rows_and_by_metrics",),
        "a gold example without prediction": (
            "test_bad_input::test_a_gold_example_without_prediction_is_wrong_and_told_and_never_dropped",
        ),
    },
}  # fmt: skip
"""Where -> trap -> the tests that spring it, as file::function."""


@cache
def named_in(file: str) -> frozenset[str]:
    """Names of the tests in a file."""
    tree = ast.parse((HERE / f"{file}.py").read_text(encoding="utf-8"))
    return frozenset(one.name for one in tree.body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"))


@pytest.mark.parametrize("where", TRAPS)
def test_every_trap_has_a_test_that_is_there(where: str) -> None:
    named = [test for tests in TRAPS[where].values() for test in tests]
    assert all(TRAPS[where].values())
    assert [test for test in named if test.partition("::")[2] not in named_in(test.partition("::")[0])] == []
    print(f"{where}: {len(TRAPS[where])} traps, {len(set(named))} tests")


def test_how_many_traps_have_a_test() -> None:
    traps = sum(map(len, TRAPS.values()))
    print(f"{traps} traps, {len({t for traps in TRAPS.values() for tests in traps.values() for t in tests})} tests")
    assert traps >= 50


def test_every_test_of_a_trap_file_stands_in_the_table() -> None:
    named = {test for traps in TRAPS.values() for tests in traps.values() for test in tests}
    files = sorted(file.stem for file in HERE.glob("test_traps_*.py"))
    assert len(files) >= 4
    assert {f"{file}::{test}" for file in files for test in named_in(file)} - named == set()
