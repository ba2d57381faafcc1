import type { RequestLimits } from '../protocol/requests.ts';
import type { Route } from './route.ts';
import { deleteConversation } from './routes/delete-conversation.ts';
import { deleteEndpoint } from './routes/delete-endpoint.ts';
import { deleteItem } from './routes/delete-item.ts';
import { deleteLocalModel } from './routes/delete-local-model.ts';
import { deleteLocalModelDownload } from './routes/delete-local-model-download.ts';
import { deleteSession } from './routes/delete-session.ts';
import { deleteUser } from './routes/delete-user.ts';
import { getAsyncApi } from './routes/get-asyncapi.ts';
import { getCheckResponse } from './routes/get-check-response.ts';
import { getConversation } from './routes/get-conversation.ts';
import { getDeletion } from './routes/get-deletion.ts';
import { getExport } from './routes/get-export.ts';
import { getGeneration } from './routes/get-generation.ts';
import { getHealth } from './routes/get-health.ts';
import { getLivez } from './routes/get-livez.ts';
import { getMetrics } from './routes/get-metrics.ts';
import { getOpenApi } from './routes/get-openapi.ts';
import { getQueueStats } from './routes/get-queue-stats.ts';
import { getReadyz } from './routes/get-readyz.ts';
import { getSession } from './routes/get-session.ts';
import { getShare } from './routes/get-share.ts';
import { getStoredData } from './routes/get-stored-data.ts';
import { getGenerationStream, getStream } from './routes/get-stream.ts';
import { getUsage } from './routes/get-usage.ts';
import { getUserExport } from './routes/get-user-export.ts';
import { getV1Response } from './routes/get-v1-response.ts';
import { listConversations } from './routes/list-conversations.ts';
import { listDeadLetters } from './routes/list-dead-letters.ts';
import { listEndpoints } from './routes/list-endpoints.ts';
import { listItems } from './routes/list-items.ts';
import { listLocalModels } from './routes/list-local-models.ts';
import { listMessages } from './routes/list-messages.ts';
import { listModels } from './routes/list-models.ts';
import { getV1Model, listV1Models } from './routes/list-v1-models.ts';
import { patchConversation } from './routes/patch-conversation.ts';
import { postAsyncChat } from './routes/post-async-chat.ts';
import { postChat } from './routes/post-chat.ts';
import { postConversation } from './routes/post-conversation.ts';
import { postEndpoint } from './routes/post-endpoint.ts';
import { postEndpointTry } from './routes/post-endpoint-try.ts';
import { postImport } from './routes/post-import.ts';
import { postLocalModelDownload } from './routes/post-local-model-download.ts';
import { postMessage } from './routes/post-message.ts';
import { postRegenerate } from './routes/post-regenerate.ts';
import { postReplay } from './routes/post-replay.ts';
import { postSession } from './routes/post-session.ts';
import { postShare } from './routes/post-share.ts';
import { postStop } from './routes/post-stop.ts';
import { postStreamChat } from './routes/post-stream-chat.ts';
import { postV1ChatCompletions } from './routes/post-v1-chat-completions.ts';
import { postV1Completions } from './routes/post-v1-completions.ts';
import { postV1Embeddings } from './routes/post-v1-embeddings.ts';
import { postV1Responses } from './routes/post-v1-responses.ts';
import { putFeedback } from './routes/put-feedback.ts';
import { putItem } from './routes/put-item.ts';
import { searchMessages } from './routes/search-messages.ts';

/** Every endpoint, in the order in which the reference shows them. */
export const routeTable = (limits: RequestLimits): readonly Route[] => [
  postChat(limits),
  postStreamChat(limits),
  getStream,
  postAsyncChat(limits),
  getCheckResponse,
  postV1ChatCompletions,
  postV1Responses,
  getV1Response,
  postV1Completions,
  postV1Embeddings,
  listV1Models,
  getV1Model,
  postConversation(limits),
  listConversations,
  getConversation,
  patchConversation,
  deleteConversation,
  postMessage(limits),
  listMessages,
  postRegenerate(limits),
  putFeedback,
  searchMessages,
  getExport,
  postImport,
  listItems,
  putItem,
  deleteItem,
  postShare,
  getShare,
  getGeneration,
  getGenerationStream,
  postStop,
  listDeadLetters,
  postReplay,
  listModels,
  listEndpoints,
  postEndpointTry,
  postEndpoint,
  deleteEndpoint,
  listLocalModels,
  postLocalModelDownload,
  deleteLocalModelDownload,
  deleteLocalModel,
  getSession,
  postSession,
  deleteSession,
  getStoredData,
  getUserExport,
  deleteUser,
  getDeletion,
  getUsage,
  getHealth,
  getLivez,
  getReadyz,
  getQueueStats,
  getMetrics,
  getOpenApi,
  getAsyncApi,
];
