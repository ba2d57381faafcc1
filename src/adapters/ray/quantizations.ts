/**
 * What vLLM 0.29 knows by name: the version that Ray 2.60 takes. Ray itself takes any text, and starts replicas
 * that then fail one after the other, so what is not here is not sent. `npm run test:ray` compares it with vLLM.
 */
export const QUANTIZATIONS = [
  'awq',
  'awq_marlin',
  'auto_awq',
  'gptq',
  'gptq_marlin',
  'auto_gptq',
  'fp8',
  'fp8_per_tensor',
  'fp8_per_block',
  'fp8_per_channel',
  'int8_per_channel_weight_only',
  'mxfp4',
  'mxfp8',
  'nvfp4_per_token',
  'compressed-tensors',
  'modelopt',
  'modelopt_fp4',
  'modelopt_mxfp8',
  'modelopt_mixed',
  'torchao',
  'quark',
  'inc',
  'experts_int8',
  'moe_wna16',
  'gpt_oss_mxfp4',
  'deepseek_v4_fp8',
  'humming',
  'online',
] as const;
