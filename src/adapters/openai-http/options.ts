import type { ModelDefaults } from './models.ts';
import type { Patience } from './stream-completion.ts';
import type { UpstreamOptions } from './upstream.ts';

export type OpenAiHttpOptions = ModelDefaults &
  UpstreamOptions & {
    /**
     * `vllm` (Ray Serve LLM too): usage comes with every event, so that the prompt's size is known at the first token;
     * the workspace goes along as `cache_salt`, so that prompt prefixes are shared within it only; the conversation
     * goes along as `x-session-id`, so that it meets the same replica. `openai`: nothing but the common API.
     */
    dialect: 'vllm' | 'openai';
    /** The lane goes along as `priority`; a server without priority scheduling refuses that. */
    sendsPriority: boolean;
    /** Where it is not `max_tokens`. */
    maxTokensField?: 'max_completion_tokens';
    /** A provider's: beside the API it has no routes of its own, and it need not list its models. */
    isHosted?: boolean;
    patience: Patience;
  };
