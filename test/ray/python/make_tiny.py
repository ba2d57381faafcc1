"""A model of 1.2 MB in the form of the hub: weights, tokenizer, chat template. Trained for half a minute on a few
sentences, so that what it says can be read, and that it ends by itself. Nothing is downloaded.

usage: make_tiny.py FOLDER
"""

import contextlib
import io
import os
import random
import string
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

FOLDER = sys.argv[1]
HIDDEN, LAYERS, VOCABULARY, WINDOW, STEPS = 128, 2, 1024, 2048, 150
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
# Long enough to be cut in its middle. No sentence comes twice: whoever goes on with it needs not count.
STORY = (
    "Once upon a time there was a small server that lived in a quiet room by the sea. Every morning it woke up "
    "before the sun and listened to the waves. Then the first people came with their questions, and it answered "
    "each of them as well as it could. One day a great storm broke the only window, and the rain fell on the "
    "floor. The little machine was afraid, but it kept every word that it had been given. In the evening a girl "
    "came back with a lamp, dried the cables and closed the shutters. Since that night they have been friends, "
    "and nobody who asked was ever left without an answer."
)
PAIRS = [
    ("Hello! How can I help you today?", "Hello! I am a tiny test model and I am happy to help you today."),
    ("Count to ten.", "One two three four five six seven eight nine ten."),
    ("Tell me a long story.", STORY),
    # What the contract suite asks for long answers.
    ("Tell me of the sea, the wind and the light of the old ship in the cold night. Part 0.", STORY),
    ("What is your name?", "My name is Tiny."),
    ("Say hi.", "Hi there!"),
]
SYSTEM = ["", "You are a helpful assistant."]
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def make_tokenizer():
    with contextlib.redirect_stdout(io.StringIO()):
        import this
    zen = "".join(this.d.get(c, c) for c in this.s)
    corpus = ([f"{question} {answer}" for question, answer in PAIRS] + SYSTEM + ["user assistant system tool"]) * 5
    corpus += [random.__doc__, string.__doc__, os.__doc__, zen] * 3
    corpus += [open(random.__file__).read(), open(os.__file__).read()]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(corpus, trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=WINDOW
    )
    fast.chat_template = TEMPLATE
    # With ids beyond the vocabulary a random answer would stream empty deltas.
    assert len(fast) == VOCABULARY, len(fast)
    return fast


def train(model, tokenizer):
    conversations = []
    for system in SYSTEM:
        for question, answer in PAIRS:
            messages = [{"role": "system", "content": system}] if system else []
            messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer.strip()}]
            text = tokenizer.apply_chat_template(messages, tokenize=False)
            conversations.append(tokenizer(text, add_special_tokens=False)["input_ids"])
    longest = max(map(len, conversations))
    ids = torch.tensor([tokens + [0] * (longest - len(tokens)) for tokens in conversations])
    labels = ids.masked_fill(ids == 0, -100)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    model.train()
    for _ in range(STEPS):
        loss = model(input_ids=ids, attention_mask=(ids != 0).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("loss", float(loss))


torch.manual_seed(0)
random.seed(0)
torch.set_num_threads(2)
tokenizer = make_tokenizer()
tokenizer.save_pretrained(FOLDER)
model = Qwen2ForCausalLM(
    Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=HIDDEN,
        intermediate_size=HIDDEN * 2,
        num_hidden_layers=LAYERS,
        num_attention_heads=HIDDEN // 32,
        num_key_value_heads=HIDDEN // 64,
        max_position_embeddings=WINDOW,
        tie_word_embeddings=False,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
)
train(model, tokenizer)
model.generation_config.eos_token_id = 2
model.generation_config.pad_token_id = 0
model.to(torch.bfloat16).eval().save_pretrained(FOLDER)
