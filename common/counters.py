"""Performance counters of the machine, in the order in which the gateware presents them."""

COUNTER_BITS = 48

COUNTERS = {
    "clocks": "clocks of sampled tokens, embedding to sampled token",
    "tokens": "tokens sampled",
    "prompt_clocks": "clocks of prompt tokens read without sampling",
    "prompt_tokens": "prompt tokens read without sampling",
    "memory_words": "tape words delivered by the memory",
    "memory_stall": "clocks in which the decoder waited for a tape word",
    "array_busy": "clocks in which the ternary array took a word",
    "array_wait_codes": "clocks in which a word of trits waited for its codes",
    "normalise_busy": "clocks in which the normaliser took elements",
    "quantise_busy": "clocks in which the quantiser wrote codes",
    "results_busy": "clocks in which the result pipeline took elements",
    "sampler_busy": "clocks in which the sampler took logits",
    "link_stall": "clocks in which a sampled token waited for the link",
}
