"""config.json of a trained model, with every key that the released checkpoints' has."""

from .quantiser import EPS
from .data import END_ID

DEFAULTS = dict(
    _name_or_path="",
    add_cross_attention=False,
    architectures=["HGRNBitForCausalLM"],
    attn_mode="fused_recurrent",
    bad_words_ids=None,
    begin_suppress_tokens=None,
    chunk_size_feed_forward=0,
    conv_size=4,
    cross_attention_hidden_size=None,
    decoder_start_token_id=None,
    diversity_penalty=0.0,
    do_sample=False,
    early_stopping=False,
    encoder_no_repeat_ngram_size=0,
    expand_ratio=1,
    exponential_decay_length_penalty=None,
    finetuning_task=None,
    forced_bos_token_id=None,
    forced_eos_token_id=None,
    fuse_cross_entropy=False,
    hidden_act="swish",
    hidden_ratio=4,
    id2label={"0": "LABEL_0", "1": "LABEL_1"},
    initializer_range=0.02,
    is_decoder=False,
    is_encoder_decoder=False,
    label2id={"LABEL_0": 0, "LABEL_1": 1},
    length_penalty=1.0,
    max_length=20,
    max_position_embeddings=2048,
    min_length=0,
    model_type="hgrn_bit",
    no_repeat_ngram_size=0,
    num_beam_groups=1,
    num_beams=1,
    num_heads=1,
    num_return_sequences=1,
    output_attentions=False,
    output_hidden_states=False,
    output_scores=False,
    pad_token_id=None,
    prefix=None,
    problem_type=None,
    pruned_heads={},
    remove_invalid_values=False,
    repetition_penalty=1.0,
    return_dict=True,
    return_dict_in_generate=False,
    rms_norm_eps=EPS,
    sep_token_id=None,
    share_conv_kernel=True,
    suppress_tokens=None,
    task_specific_params=None,
    temperature=1.0,
    tf_legacy_loss=False,
    tie_encoder_decoder=False,
    tie_word_embeddings=False,
    tokenizer_class=None,
    top_k=50,
    top_p=1.0,
    torch_dtype="bfloat16",
    torchscript=False,
    transformers_version="4.41.2",
    typical_p=1.0,
    use_bfloat16=False,
    use_cache=True,
    use_lower_bound=True,
    use_short_conv=False,
)


def released_config(recipe):
    """The dictionary of a recipe's config.json, keys in order."""
    return dict(
        sorted(
            (
                DEFAULTS
                | dict(
                    bos_token_id=END_ID,
                    eos_token_id=END_ID,
                    hidden_size=recipe.hidden,
                    intermediate_size=recipe.intermediate,
                    num_hidden_layers=recipe.layers,
                    vocab_size=recipe.vocabulary,
                )
            ).items()
        )
    )
