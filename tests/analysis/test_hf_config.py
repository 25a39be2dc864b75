# SPDX-License-Identifier: BSD-3-Clause
"""hf.py import of configurations that transformers 4.40 to 5 write, and of others."""
import json
import os

import hf_harness
from hf_harness import CASES, HfTest


class Config(HfTest):
    def tried(self, said, change):
        """config.json with some members changed, None: left out; `said` by the refusal, or None."""
        changed = {k: v for k, v in {**self.config, **change}.items() if v is not None}
        self.write_json(changed, "hf", "config.json")
        with self.subTest(change=change):
            if said:
                self.refused_import(["config.json"] + said)
            else:
                self.hf("import", "hf", "--out", f"back{len(self.listing())}")

    def exported(self, case):
        self.export(case)
        self.config = self.read_json("hf", "config.json")

    def test_members(self):
        self.exported("llama_tied")
        for said, change in (
                (["hidden_size is 33", "needs 32"], {"hidden_size": 33}),
                (["num_key_value_heads is left out", "needs 2"], {"num_key_value_heads": None}),
                (["hidden_act is \"gelu\"", "gelu_new"], {"hidden_act": "gelu"}),
                (["rms_norm_eps is left out", "1e-05"], {"rms_norm_eps": None}),
                (["tie_word_embeddings is left out", "true"], {"tie_word_embeddings": None}),
                (["mlp_bias is false"], {"mlp_bias": False}),
                (["mlp_bias is 1"], {"mlp_bias": 1}),
                (["vocab_size is left out", "whole number"], {"vocab_size": None}),
                (["vocab_size is 0.5", "whole number"], {"vocab_size": 0.5}),
                (["vocab_size is true", "whole number"], {"vocab_size": True}),
                (["vocab_size is 10000000000", "2147483647"], {"vocab_size": 10 ** 10}),
                (["embed_tokens", "vocab_size of config.json"], {"vocab_size": 7}),
                (["model_type is bloom", "mistral"], {"model_type": "bloom"}),
                (["model_type is missing"], {"model_type": None}),
                (["MistralForCausalLM", "no biases"], {"model_type": "mistral"}),
                (["GPT2LMHeadModel", "layernorm", "learned"], {"model_type": "gpt2"}),
                (None, {"hidden_act": "gelu_pytorch_tanh", "more": 1, "head_dim": None})):
            self.tried(said, change)
        for text, said in ((', "hidden_size": 32}', "hidden_size is there twice"),
                           (', "m\\u006fre": 1, "more": 1}', "more is there twice"),
                           (', "rope_parameters": {"rope_type": 1, "rope_type": "default"}}',
                            "is there twice")):
            self.write_json(json.dumps(self.config)[:-1] + text, "hf", "config.json")
            self.refused_import(["config.json", said])
        for text in "", "[]", "{", "{} {}", '{"a": Infinity}':
            self.write_json(text, "hf", "config.json")
            self.refused_import(["config.json", "one JSON object"])
        os.remove("hf/config.json")
        self.refused_import(["config.json", "No such file"])
        os.mkfifo("hf/config.json")
        self.refused_import(["config.json", "is no regular file"])

    def test_what_config_json_says_of_the_model(self):
        """Of an input without the section: what kcap has not is named with what it has."""
        self.exported("qwen2")
        self.input({key: value for key, value in CASES["qwen2"][1].items() if key != "model"})
        for said, change in (
                (["hidden_act is \"relu\"", "kcap has gelu_new, silu, gelu"], {"hidden_act": "relu"}),
                (["rope_scaling.rope_type is \"yarn\"", "default, linear, llama3"],
                 {"rope_scaling": {"rope_type": "yarn", "factor": 4.0}}),
                (["rope_parameters.factor is 4.0", "none of this name"],
                 {"rope_parameters": {"rope_type": "default", "factor": 4.0}}),
                (["use_sliding_window is true", "needs false"], {"use_sliding_window": True}),
                (["layer_types is ", "full_attention"], {"layer_types": ["sliding_attention"] * 2}),
                (["num_hidden_layers is left out"], {"num_hidden_layers": None}),
                (["num_attention_heads is left out"], {"num_attention_heads": None}),
                (["hidden_size is \"32\"", "needs 32"], {"hidden_size": "32"}),
                (["sizes of the model"], {"hidden_size": None, "head_dim": None}),
                (["model.layers.2.input_layernorm.weight is missing"], {"num_hidden_layers": 3}),
                (None, {"layer_types": ["full_attention"] * 2, "sliding_window": 1})):
            changed = {k: v for k, v in {**self.config, **change}.items() if v is not None}
            self.write_json(changed, "hf", "config.json")
            with self.subTest(change=change):
                if said:
                    self.refused_import(["config.json" if "missing" not in said[0] else "", *said],
                                        "input.yaml")
                else:
                    self.hf("import", "hf", "input.yaml", "--out", "again")

    def test_rotary_positions(self):
        """Wherever a version may have put them; all places that say something agree."""
        self.exported("llama_tied")
        default, theta = {"rope_type": "default"}, {"rope_theta": 10000.0}
        four = {"rope_parameters": None, "dtype": None}
        five = {"rope_theta": None, "rope_scaling": None, "torch_dtype": None}
        for said, change in (
                (None, four),
                (None, {**four, "rope_theta": None}),
                (None, {**four, "rope_scaling": default}),
                (None, {**four, "rope_scaling": {"type": "default", **theta}}),
                (None, {**five, "rope_parameters": {**default, **theta}}),
                (None, {**five, "rope_parameters": {
                    **default, **theta, "partial_rotary_factor": 1.0}}),
                (None, {**five, "partial_rotary_factor": 1}),
                (["rope_theta is 500000", "needs 10000.0"], {**four, "rope_theta": 500000}),
                (["rope_theta is 500000", "needs 10000.0"], {"rope_theta": 500000}),
                (["rope_theta is \"1e4\""], {"rope_theta": "1e4"}),
                (["rope_parameters.rope_theta is 500000"],
                 {"rope_parameters": {**default, "rope_theta": 500000}}),
                (["rope_scaling.rope_theta is 500000"], {"rope_scaling": {"rope_theta": 500000}}),
                (["rope_scaling.type is \"linear\""],
                 {"rope_scaling": {"type": "linear", "factor": 2.0}}),
                (["rope_parameters.rope_type is \"yarn\""],
                 {"rope_parameters": {**theta, "rope_type": "yarn", "factor": 4.0}}),
                (["rope_parameters.full_attention is "],
                 {"rope_parameters": {"full_attention": default}}),
                (["rope_parameters is []; "], {"rope_parameters": []}),
                (["rope_parameters.partial_rotary_factor is 0.5"],
                 {"rope_parameters": {**default, **theta, "partial_rotary_factor": 0.5}}),
                (["partial_rotary_factor is 0.25"], {"partial_rotary_factor": 0.25})):
            self.tried(said, change)

    def test_rotary_part(self):
        """GPT-NeoX has names of its own; 6 of 14 dimensions are rotated, with a base of 500."""
        self.exported("neox_odd")
        share = self.config["rotary_pct"]
        five = {"rotary_pct": None, "rotary_emb_base": None, "rope_scaling": None}
        for said, change in (
                (None, {"rope_parameters": None}), (None, five),
                (None, {**five, "rope_parameters": None, "rope_theta": 500,
                        "partial_rotary_factor": share}),
                (["rotary_emb_base is left out"], {**five, "rope_parameters": {
                    "partial_rotary_factor": share}}),
                (["rotary_pct is left out"], {**five, "rope_parameters": {"rope_theta": 500}}),
                (["rotary_pct is 0.5"], {"rotary_pct": 0.5}),
                (["rope_theta is 10000"], {"rope_theta": 10000}),
                (["rope_parameters.partial_rotary_factor is 0.25"], {"rope_parameters": {
                    "rope_type": "default", "rope_theta": 500.0, "partial_rotary_factor": 0.25}})):
            self.tried(said, change)

    def test_windows(self):
        """A sliding window that no window of the model reaches over is none. T is 64."""
        self.exported("mistral")
        for said, change in ((None, {"sliding_window": 64}), (None, {"sliding_window": None}),
                             (["sliding_window is 63", "needs null"], {"sliding_window": 63}),
                             (["sliding_window is true"], {"sliding_window": True})):
            self.tried(said, change)


if __name__ == "__main__":
    hf_harness.main()
