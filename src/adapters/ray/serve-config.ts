import type { ModelDeployment } from './model-deployment.ts';
import type { ServeApplication, ServeConfig, ServeDetails } from './serve-api.ts';

/** Milliseconds. Ray gathers tokens for 50 by default, which a reader waits for. */
const STREAM_BATCHING_MS = 0;
/** Seconds. A dead engine is noticed by a health check, and nothing else: three in a row must fail. */
const HEALTH_CHECK = { period: 5, timeout: 10 } as const;
/** Seconds between two looks of a replica that is told to leave, at whether its answers have ended. */
const DRAIN_LOOK = 2;
/** What a caller is told where the queue is full: come again in so many seconds. */
const BACK_PRESSURE = { status_code: 429, retry_after_s: 2 } as const;

/** One model as one application, so that another model's deployment does not restart it. */
export function renderApplication(model: ModelDeployment, routePrefix: string): ServeApplication {
  return {
    name: applicationName(model.model),
    route_prefix: routePrefix,
    import_path: 'ray.serve.llm:build_openai_app',
    args: { llm_configs: [renderModel(model)], ingress_deployment_config: renderIngress(model) },
  };
}

export function applicationName(model: string): string {
  return model.replaceAll(/[^A-Za-z0-9_-]+/g, '-');
}

/**
 * What to apply so that `application` is there and all others stay: Ray removes what is not named. How Serve
 * listens is as it is, where it runs already: it cannot be changed then.
 */
export function withApplication(
  application: ServeApplication,
  running: ServeDetails,
  listen: { host: string; port: number },
): ServeConfig {
  const others = Object.values(running.applications)
    .filter(({ status, deployed_app_config }) => status !== 'DELETING' && deployed_app_config)
    .map(({ deployed_app_config }) => deployed_app_config!)
    .filter(({ name }) => name !== application.name);
  return {
    proxy_location: running.proxy_location ?? 'EveryNode',
    http_options: running.http_options ?? listen,
    applications: [...others, application],
  };
}

function renderModel(model: ModelDeployment): object {
  const { requests, drain_s, lora } = model;
  return {
    model_loading_config: { model_id: model.model, model_source: model.source },
    ...renderAccelerator(model),
    engine_kwargs: renderEngine(model),
    ...(lora && {
      lora_config: { dynamic_lora_loading_path: lora.path, max_num_adapters_per_replica: lora.most },
    }),
    ...(Object.keys(model.env).length > 0 && { runtime_env: { env_vars: model.env } }),
    deployment_config: {
      // Both are 1e9 where they are not set: nothing would scale, and nothing be refused.
      max_ongoing_requests: requests.most,
      max_queued_requests: requests.waiting,
      backpressure_config: BACK_PRESSURE,
      health_check_period_s: HEALTH_CHECK.period,
      health_check_timeout_s: HEALTH_CHECK.timeout,
      graceful_shutdown_wait_loop_s: DRAIN_LOOK,
      graceful_shutdown_timeout_s: drain_s,
      autoscaling_config: renderScaling(model),
    },
    experimental_configs: { stream_batching_interval_ms: STREAM_BATCHING_MS },
    log_engine_metrics: true,
  };
}

function renderAccelerator({ accelerator, tensor_parallel }: ModelDeployment): object {
  if (accelerator === 'gpu') return {};
  if (accelerator !== 'cpu') return { accelerator_type: accelerator };
  const bundles = Array.from({ length: tensor_parallel }, () => ({ CPU: 1 }));
  return { accelerator_config: { kind: 'cpu' }, placement_group_config: { bundles } };
}

function renderEngine(model: ModelDeployment): object {
  const { quantization, context_tokens, lora } = model;
  return {
    tensor_parallel_size: model.tensor_parallel,
    ...(model.accelerator !== 'cpu' && { gpu_memory_utilization: model.gpu_memory_share }),
    ...(context_tokens !== undefined && { max_model_len: context_tokens }),
    ...(quantization !== undefined && { quantization }),
    max_num_seqs: model.requests.most,
    enable_prefix_caching: true,
    enable_prompt_tokens_details: true,
    ...(lora && { enable_lora: true, max_loras: lora.most, max_lora_rank: lora.rank }),
    ...model.engine,
  };
}

/** One for each replica of the model. What that cannot hold is refused before it is passed on. */
function renderIngress({ requests, replicas, drain_s }: ModelDeployment): object {
  return {
    max_ongoing_requests: requests.most + requests.waiting,
    max_queued_requests: requests.waiting,
    backpressure_config: BACK_PRESSURE,
    graceful_shutdown_timeout_s: drain_s,
    autoscaling_config: renderScaling({ requests, replicas }),
  };
}

function renderScaling({ requests, replicas }: Pick<ModelDeployment, 'requests' | 'replicas'>): object {
  return {
    min_replicas: replicas.min,
    max_replicas: replicas.max,
    target_ongoing_requests: requests.target,
    upscale_delay_s: replicas.upscale_delay_s,
    downscale_delay_s: replicas.downscale_delay_s,
  };
}
