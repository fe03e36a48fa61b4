// Generated from openapi/openapi.json: make openapi

import type { Client, ClientMeta, Options as Options2, RequestResult, ServerSentEventsResult, TDataShape } from './client';
import { client } from './client.gen';
import type { AnswerApprovalData, AnswerApprovalErrors, AnswerApprovalResponses, CancelTurnData, CancelTurnErrors, CancelTurnResponses, CompletePathData, CompletePathErrors, CompletePathResponses, CreateLegacySessionData, CreateLegacySessionErrors, CreateLoginCodeData, CreateLoginCodeErrors, CreateLoginCodeResponses, CreateProjectData, CreateProjectErrors, CreateProjectResponses, CreateSessionData, CreateSessionErrors, CreateSessionResponses, CreateTokenData, CreateTokenErrors, CreateTokenResponses, DeleteProjectData, DeleteProjectErrors, DeleteProjectResponses, DeleteSessionData, DeleteSessionErrors, DeleteSessionResponses, DuplicateSessionData, DuplicateSessionErrors, DuplicateSessionResponses, ExecuteOperationsData, ExecuteOperationsErrors, ExecuteOperationsResponses, ExportSessionData, ExportSessionErrors, ExportSessionResponses, ForkSessionData, ForkSessionErrors, ForkSessionResponses, GetBlobData, GetBlobErrors, GetBlobResponses, GetChangesData, GetChangesErrors, GetChangesResponses, GetDebugMetricsData, GetDebugMetricsErrors, GetDebugMetricsResponses, GetDocsBundleData, GetDocsBundleErrors, GetDocsBundleResponses, GetDocsData, GetDocsErrors, GetDocsResponses, GetDocsScriptData, GetDocsScriptErrors, GetDocsScriptResponses, GetDocsStyleData, GetDocsStyleErrors, GetDocsStyleResponses, GetEventsStatusData, GetEventsStatusErrors, GetEventsStatusResponses, GetHealthData, GetHealthErrors, GetHealthResponses, GetMetricsData, GetMetricsErrors, GetMetricsResponses, GetOpenApi31Data, GetOpenApi31Errors, GetOpenApi31Responses, GetOpenApi32Data, GetOpenApi32Errors, GetOpenApi32Responses, GetPlanData, GetPlanErrors, GetPlanResponses, GetProjectData, GetProjectErrors, GetProjectResponses, GetReadinessData, GetReadinessErrors, GetReadinessResponses, GetSessionContextData, GetSessionContextErrors, GetSessionContextResponses, GetSessionData, GetSessionErrors, GetSessionHistoryData, GetSessionHistoryErrors, GetSessionHistoryResponses, GetSessionResponses, GetSessionSnapshotData, GetSessionSnapshotErrors, GetSessionSnapshotResponses, GetSessionStatusData, GetSessionStatusErrors, GetSessionStatusResponses, GetTerminalData, GetTerminalErrors, GetTerminalOutputData, GetTerminalOutputErrors, GetTerminalOutputResponses, GetTerminalResponses, GetWhoAmIData, GetWhoAmIErrors, GetWhoAmIResponses, ListAgentsData, ListAgentsErrors, ListAgentSessionsData, ListAgentSessionsErrors, ListAgentSessionsResponses, ListAgentsResponses, ListApprovalsData, ListApprovalsErrors, ListApprovalsResponses, ListLegacySessionsData, ListLegacySessionsErrors, ListPlansData, ListPlansErrors, ListPlansResponses, ListProjectsData, ListProjectsErrors, ListProjectsResponses, ListRulesData, ListRulesErrors, ListRulesResponses, ListSessionsData, ListSessionsErrors, ListSessionsResponses, ListTerminalsData, ListTerminalsErrors, ListTerminalsResponses, ListTokensData, ListTokensErrors, ListTokensResponses, LogInData, LogInErrors, LogInResponses, LogOutData, LogOutErrors, LogOutResponses, MoveSessionData, MoveSessionErrors, MoveSessionResponses, OpenTerminalData, OpenTerminalErrors, OpenTerminalResponses, PreviewOperationsData, PreviewOperationsErrors, PreviewOperationsResponses, RemoveRuleData, RemoveRuleErrors, RemoveRuleResponses, RemoveTerminalData, RemoveTerminalErrors, RemoveTerminalResponses, ResizeTerminalData, ResizeTerminalErrors, ResizeTerminalResponses, ResumeSessionData, ResumeSessionErrors, ResumeSessionResponses, RevertOperationsData, RevertOperationsErrors, RevertOperationsResponses, RevokeTokenData, RevokeTokenErrors, RevokeTokenResponses, StreamEventsData, StreamEventsErrors, StreamEventsResponse, StreamEventsResponses, StreamSessionEventsData, StreamSessionEventsErrors, StreamSessionEventsResponse, StreamSessionEventsResponses, StreamTerminalData, StreamTerminalErrors, StreamTerminalResponse, StreamTerminalResponses, SubmitPromptData, SubmitPromptErrors, SubmitPromptResponses, TypeIntoTerminalData, TypeIntoTerminalErrors, TypeIntoTerminalResponses, UpdateProjectData, UpdateProjectErrors, UpdateProjectResponses, UpdateSessionData, UpdateSessionErrors, UpdateSessionResponses, UploadBlobData, UploadBlobErrors, UploadBlobResponses } from './types.gen';

export type Options<TData extends TDataShape = TDataShape, ThrowOnError extends boolean = boolean, TResponse = unknown> = Options2<TData, ThrowOnError, TResponse> & {
    /**
     * You can provide a client instance returned by `createClient()` instead of
     * individual options. This might be also useful if you want to implement a
     * custom client.
     */
    client?: Client;
    /**
     * You can pass arbitrary values through the `meta` object. This can be
     * used to access values that aren't defined as part of the SDK function.
     */
    meta?: keyof ClientMeta extends never ? Record<string, unknown> : ClientMeta;
};

/**
 * List the agent profiles: what a session's mode may name
 */
export const listAgents = <ThrowOnError extends boolean = false>(options?: Options<ListAgentsData, ThrowOnError>): RequestResult<ListAgentsResponses, ListAgentsErrors, ThrowOnError> => (options?.client ?? client).get<ListAgentsResponses, ListAgentsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/agents',
    ...options
});

/**
 * List the conversations that an agent remembers of a directory, wherever they were held: the newest 200
 *
 * The agent is started for that, and ended, so this takes seconds and a token of the scope `full`. Make a session
 * with one's `agentSessionId` to go on with it.
 */
export const listAgentSessions = <ThrowOnError extends boolean = false>(options: Options<ListAgentSessionsData, ThrowOnError>): RequestResult<ListAgentSessionsResponses, ListAgentSessionsErrors, ThrowOnError> => (options.client ?? client).get<ListAgentSessionsResponses, ListAgentSessionsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/agents/{mode}/sessions',
    ...options
});

/**
 * Keep a body for a day; a prompt's `context` names it by `blobId`, and then its session keeps it
 */
export const uploadBlob = <ThrowOnError extends boolean = false>(options: Options<UploadBlobData, ThrowOnError>): RequestResult<UploadBlobResponses, UploadBlobErrors, ThrowOnError> => (options.client ?? client).post<UploadBlobResponses, UploadBlobErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/blobs',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Return the counts since the server started
 */
export const getDebugMetrics = <ThrowOnError extends boolean = false>(options?: Options<GetDebugMetricsData, ThrowOnError>): RequestResult<GetDebugMetricsResponses, GetDebugMetricsErrors, ThrowOnError> => (options?.client ?? client).get<GetDebugMetricsResponses, GetDebugMetricsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/debug/metrics',
    ...options
});

/**
 * Stream the events of chosen sessions, or the lifecycle events of all, or both, on one connection
 *
 * Beside them the output of chosen terminals, each without a gap; at the end of one comes `terminal-closed`.
 */
export const streamEvents = <ThrowOnError extends boolean = false>(options?: Options<StreamEventsData, ThrowOnError, StreamEventsResponse>): Promise<ServerSentEventsResult<StreamEventsResponses>> => (options?.client ?? client).sse.get<StreamEventsResponses, StreamEventsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/events',
    ...options
});

/**
 * Tell how a path may go on: at most 100 files and directories; hidden ones where `prefix` has their dot
 */
export const completePath = <ThrowOnError extends boolean = false>(options?: Options<CompletePathData, ThrowOnError>): RequestResult<CompletePathResponses, CompletePathErrors, ThrowOnError> => (options?.client ?? client).get<CompletePathResponses, CompletePathErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/files',
    ...options
});

/**
 * Trade a login code, or a token, for a cookie of this browser's own
 */
export const logIn = <ThrowOnError extends boolean = false>(options: Options<LogInData, ThrowOnError>): RequestResult<LogInResponses, LogInErrors, ThrowOnError> => (options.client ?? client).post<LogInResponses, LogInErrors, ThrowOnError>({
    url: '/api/login',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Make a code that logs one browser in, once, within ten minutes
 */
export const createLoginCode = <ThrowOnError extends boolean = false>(options?: Options<CreateLoginCodeData, ThrowOnError>): RequestResult<CreateLoginCodeResponses, CreateLoginCodeErrors, ThrowOnError> => (options?.client ?? client).post<CreateLoginCodeResponses, CreateLoginCodeErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/login-codes',
    ...options
});

/**
 * End this browser's login and its streams. A token that a program sent stays good
 */
export const logOut = <ThrowOnError extends boolean = false>(options?: Options<LogOutData, ThrowOnError>): RequestResult<LogOutResponses, LogOutErrors, ThrowOnError> => (options?.client ?? client).post<LogOutResponses, LogOutErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/logout',
    ...options
});

/**
 * Delete a project, and the rules that were remembered for it; its sessions stay, without a project
 */
export const deleteProject = <ThrowOnError extends boolean = false>(options: Options<DeleteProjectData, ThrowOnError>): RequestResult<DeleteProjectResponses, DeleteProjectErrors, ThrowOnError> => (options.client ?? client).delete<DeleteProjectResponses, DeleteProjectErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/project/{projectId}',
    ...options
});

/**
 * Look a project up
 */
export const getProject = <ThrowOnError extends boolean = false>(options: Options<GetProjectData, ThrowOnError>): RequestResult<GetProjectResponses, GetProjectErrors, ThrowOnError> => (options.client ?? client).get<GetProjectResponses, GetProjectErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/project/{projectId}',
    ...options
});

/**
 * Change a project. Its sessions stay where they are
 */
export const updateProject = <ThrowOnError extends boolean = false>(options: Options<UpdateProjectData, ThrowOnError>): RequestResult<UpdateProjectResponses, UpdateProjectErrors, ThrowOnError> => (options.client ?? client).patch<UpdateProjectResponses, UpdateProjectErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/project/{projectId}',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * List the projects, the oldest first
 */
export const listProjects = <ThrowOnError extends boolean = false>(options?: Options<ListProjectsData, ThrowOnError>): RequestResult<ListProjectsResponses, ListProjectsErrors, ThrowOnError> => (options?.client ?? client).get<ListProjectsResponses, ListProjectsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/projects',
    ...options
});

/**
 * Make a project: a directory that groups sessions
 */
export const createProject = <ThrowOnError extends boolean = false>(options: Options<CreateProjectData, ThrowOnError>): RequestResult<CreateProjectResponses, CreateProjectErrors, ThrowOnError> => (options.client ?? client).post<CreateProjectResponses, CreateProjectErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/projects',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * List the configured rules in their order, then the answers that are remembered
 */
export const listRules = <ThrowOnError extends boolean = false>(options?: Options<ListRulesData, ThrowOnError>): RequestResult<ListRulesResponses, ListRulesErrors, ThrowOnError> => (options?.client ?? client).get<ListRulesResponses, ListRulesErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/rules',
    ...options
});

/**
 * Forget a remembered answer
 */
export const removeRule = <ThrowOnError extends boolean = false>(options: Options<RemoveRuleData, ThrowOnError>): RequestResult<RemoveRuleResponses, RemoveRuleErrors, ThrowOnError> => (options.client ?? client).delete<RemoveRuleResponses, RemoveRuleErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/rules/{ruleId}',
    ...options
});

/**
 * End a session's processes and delete it
 *
 * A worktree of its own goes too if it is clean, or to be discarded; its branch if it holds no commits of its own.
 */
export const deleteSession = <ThrowOnError extends boolean = false>(options: Options<DeleteSessionData, ThrowOnError>): RequestResult<DeleteSessionResponses, DeleteSessionErrors, ThrowOnError> => (options.client ?? client).delete<DeleteSessionResponses, DeleteSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}',
    ...options
});

/**
 * Look a session up
 */
export const getSession = <ThrowOnError extends boolean = false>(options: Options<GetSessionData, ThrowOnError>): RequestResult<GetSessionResponses, GetSessionErrors, ThrowOnError> => (options.client ?? client).get<GetSessionResponses, GetSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}',
    ...options
});

/**
 * Change a session's settings
 */
export const updateSession = <ThrowOnError extends boolean = false>(options: Options<UpdateSessionData, ThrowOnError>): RequestResult<UpdateSessionResponses, UpdateSessionErrors, ThrowOnError> => (options.client ?? client).patch<UpdateSessionResponses, UpdateSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * List the questions that wait for an answer
 */
export const listApprovals = <ThrowOnError extends boolean = false>(options: Options<ListApprovalsData, ThrowOnError>): RequestResult<ListApprovalsResponses, ListApprovalsErrors, ThrowOnError> => (options.client ?? client).get<ListApprovalsResponses, ListApprovalsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/approvals',
    ...options
});

/**
 * Answer a question. The first answer counts; `answer` tells all others which that was
 */
export const answerApproval = <ThrowOnError extends boolean = false>(options: Options<AnswerApprovalData, ThrowOnError>): RequestResult<AnswerApprovalResponses, AnswerApprovalErrors, ThrowOnError> => (options.client ?? client).post<AnswerApprovalResponses, AnswerApprovalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/approvals/{approvalId}',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Return a large body whole
 */
export const getBlob = <ThrowOnError extends boolean = false>(options: Options<GetBlobData, ThrowOnError>): RequestResult<GetBlobResponses, GetBlobErrors, ThrowOnError> => (options.client ?? client).get<GetBlobResponses, GetBlobErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/blobs/{blobId}',
    ...options
});

/**
 * Stop a turn, or take it out of the queue
 */
export const cancelTurn = <ThrowOnError extends boolean = false>(options: Options<CancelTurnData, ThrowOnError>): RequestResult<CancelTurnResponses, CancelTurnErrors, ThrowOnError> => (options.client ?? client).post<CancelTurnResponses, CancelTurnErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/cancel',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Compare a session's worktree with the commit that it began with
 */
export const getChanges = <ThrowOnError extends boolean = false>(options: Options<GetChangesData, ThrowOnError>): RequestResult<GetChangesResponses, GetChangesErrors, ThrowOnError> => (options.client ?? client).get<GetChangesResponses, GetChangesErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/changes',
    ...options
});

/**
 * Tell what a session has touched, with sizes, and how full the agent's context window is
 */
export const getSessionContext = <ThrowOnError extends boolean = false>(options: Options<GetSessionContextData, ThrowOnError>): RequestResult<GetSessionContextResponses, GetSessionContextErrors, ThrowOnError> => (options.client ?? client).get<GetSessionContextResponses, GetSessionContextErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/context',
    ...options
});

/**
 * Stream a session's events from a cursor on, without a gap; resume with the id of the last frame seen
 *
 * `session-deleted` ends the stream, and comes whatever `types` chooses.
 */
export const streamSessionEvents = <ThrowOnError extends boolean = false>(options: Options<StreamSessionEventsData, ThrowOnError, StreamSessionEventsResponse>): Promise<ServerSentEventsResult<StreamSessionEventsResponses>> => (options.client ?? client).sse.get<StreamSessionEventsResponses, StreamSessionEventsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/events',
    ...options
});

/**
 * Tell how a session's stream stands
 */
export const getEventsStatus = <ThrowOnError extends boolean = false>(options: Options<GetEventsStatusData, ThrowOnError>): RequestResult<GetEventsStatusResponses, GetEventsStatusErrors, ThrowOnError> => (options.client ?? client).get<GetEventsStatusResponses, GetEventsStatusErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/events/status',
    ...options
});

/**
 * Return a session's history up to now as one document
 */
export const exportSession = <ThrowOnError extends boolean = false>(options: Options<ExportSessionData, ThrowOnError>): RequestResult<ExportSessionResponses, ExportSessionErrors, ThrowOnError> => (options.client ?? client).get<ExportSessionResponses, ExportSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/export',
    ...options
});

/**
 * Return a window of a session's events: with no bound, the newest
 */
export const getSessionHistory = <ThrowOnError extends boolean = false>(options: Options<GetSessionHistoryData, ThrowOnError>): RequestResult<GetSessionHistoryResponses, GetSessionHistoryErrors, ThrowOnError> => (options.client ?? client).get<GetSessionHistoryResponses, GetSessionHistoryErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/history',
    ...options
});

/**
 * Carry out a plan, or some of its operations: all of them as they were shown, or none
 *
 * Operations given in the request are planned and carried out in one step, for callers that have shown them.
 */
export const executeOperations = <ThrowOnError extends boolean = false>(options: Options<ExecuteOperationsData, ThrowOnError>): RequestResult<ExecuteOperationsResponses, ExecuteOperationsErrors, ThrowOnError> => (options.client ?? client).post<ExecuteOperationsResponses, ExecuteOperationsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/operations/execute',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Find the operations in a text, and show what they would do
 */
export const previewOperations = <ThrowOnError extends boolean = false>(options: Options<PreviewOperationsData, ThrowOnError>): RequestResult<PreviewOperationsResponses, PreviewOperationsErrors, ThrowOnError> => (options.client ?? client).post<PreviewOperationsResponses, PreviewOperationsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/operations/preview',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Undo a plan: every file becomes what it was, byte for byte, unless one of them changed since
 */
export const revertOperations = <ThrowOnError extends boolean = false>(options: Options<RevertOperationsData, ThrowOnError>): RequestResult<RevertOperationsResponses, RevertOperationsErrors, ThrowOnError> => (options.client ?? client).post<RevertOperationsResponses, RevertOperationsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/operations/revert',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * List the session's newest plans, the oldest first
 */
export const listPlans = <ThrowOnError extends boolean = false>(options: Options<ListPlansData, ThrowOnError>): RequestResult<ListPlansResponses, ListPlansErrors, ThrowOnError> => (options.client ?? client).get<ListPlansResponses, ListPlansErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/plans',
    ...options
});

/**
 * Look a plan up: what each operation would do, as it was when the plan was made
 */
export const getPlan = <ThrowOnError extends boolean = false>(options: Options<GetPlanData, ThrowOnError>): RequestResult<GetPlanResponses, GetPlanErrors, ThrowOnError> => (options.client ?? client).get<GetPlanResponses, GetPlanErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/plans/{planId}',
    ...options
});

/**
 * Hand a prompt to the session's agent; what it does arrives on the event stream
 */
export const submitPrompt = <ThrowOnError extends boolean = false>(options: Options<SubmitPromptData, ThrowOnError>): RequestResult<SubmitPromptResponses, SubmitPromptErrors, ThrowOnError> => (options.client ?? client).post<SubmitPromptResponses, SubmitPromptErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/prompt',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Go on after a restart: release the prompts that are held
 */
export const resumeSession = <ThrowOnError extends boolean = false>(options: Options<ResumeSessionData, ThrowOnError>): RequestResult<ResumeSessionResponses, ResumeSessionErrors, ThrowOnError> => (options.client ?? client).post<ResumeSessionResponses, ResumeSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/resume',
    ...options
});

/**
 * Return a session's state, and the cursor from which a stream goes on after it
 */
export const getSessionSnapshot = <ThrowOnError extends boolean = false>(options: Options<GetSessionSnapshotData, ThrowOnError>): RequestResult<GetSessionSnapshotResponses, GetSessionSnapshotErrors, ThrowOnError> => (options.client ?? client).get<GetSessionSnapshotResponses, GetSessionSnapshotErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/snapshot',
    ...options
});

/**
 * Tell how a session stands
 */
export const getSessionStatus = <ThrowOnError extends boolean = false>(options: Options<GetSessionStatusData, ThrowOnError>): RequestResult<GetSessionStatusResponses, GetSessionStatusErrors, ThrowOnError> => (options.client ?? client).get<GetSessionStatusResponses, GetSessionStatusErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/session/{sessionId}/status',
    ...options
});

/**
 * List sessions, the last active first
 */
export const listSessions = <ThrowOnError extends boolean = false>(options?: Options<ListSessionsData, ThrowOnError>): RequestResult<ListSessionsResponses, ListSessionsErrors, ThrowOnError> => (options?.client ?? client).get<ListSessionsResponses, ListSessionsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/sessions',
    ...options
});

/**
 * Make a session. Nothing is started before its first prompt
 */
export const createSession = <ThrowOnError extends boolean = false>(options: Options<CreateSessionData, ThrowOnError>): RequestResult<CreateSessionResponses, CreateSessionErrors, ThrowOnError> => (options.client ?? client).post<CreateSessionResponses, CreateSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/sessions',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Make a session with the same settings and an empty log
 */
export const duplicateSession = <ThrowOnError extends boolean = false>(options: Options<DuplicateSessionData, ThrowOnError>): RequestResult<DuplicateSessionResponses, DuplicateSessionErrors, ThrowOnError> => (options.client ?? client).post<DuplicateSessionResponses, DuplicateSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/sessions/{sessionId}/duplicate',
    ...options
});

/**
 * Make a session that begins with this one's history
 *
 * Its events 2 to `atSeq` are the original's, with their numbers and times; what was open there is closed by
 * further events. Of the original's files nothing is copied, unless it gets a worktree of its own.
 */
export const forkSession = <ThrowOnError extends boolean = false>(options: Options<ForkSessionData, ThrowOnError>): RequestResult<ForkSessionResponses, ForkSessionErrors, ThrowOnError> => (options.client ?? client).post<ForkSessionResponses, ForkSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/sessions/{sessionId}/fork',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Have a session go on in another project or directory, or change nothing
 *
 * Not while a turn runs. In a new directory its agent begins anew, and what it left running in the old is ended.
 */
export const moveSession = <ThrowOnError extends boolean = false>(options: Options<MoveSessionData, ThrowOnError>): RequestResult<MoveSessionResponses, MoveSessionErrors, ThrowOnError> => (options.client ?? client).post<MoveSessionResponses, MoveSessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/sessions/{sessionId}/move',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Open a terminal with your shell in it. It outlives the server
 */
export const openTerminal = <ThrowOnError extends boolean = false>(options: Options<OpenTerminalData, ThrowOnError>): RequestResult<OpenTerminalResponses, OpenTerminalErrors, ThrowOnError> => (options.client ?? client).post<OpenTerminalResponses, OpenTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * End a terminal with all that it started, and remove its output
 */
export const removeTerminal = <ThrowOnError extends boolean = false>(options: Options<RemoveTerminalData, ThrowOnError>): RequestResult<RemoveTerminalResponses, RemoveTerminalErrors, ThrowOnError> => (options.client ?? client).delete<RemoveTerminalResponses, RemoveTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}',
    ...options
});

/**
 * Look a terminal up
 */
export const getTerminal = <ThrowOnError extends boolean = false>(options: Options<GetTerminalData, ThrowOnError>): RequestResult<GetTerminalResponses, GetTerminalErrors, ThrowOnError> => (options.client ?? client).get<GetTerminalResponses, GetTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}',
    ...options
});

/**
 * Stream a terminal's output from a cursor on, without a gap; resume with the id of the last frame seen
 *
 * Without a cursor it begins with what the terminal shows now. `terminal-closed` ends it; who has seen that gets
 * 204.
 */
export const streamTerminal = <ThrowOnError extends boolean = false>(options: Options<StreamTerminalData, ThrowOnError, StreamTerminalResponse>): Promise<ServerSentEventsResult<StreamTerminalResponses>> => (options.client ?? client).sse.get<StreamTerminalResponses, StreamTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}/events',
    ...options
});

/**
 * Type into a terminal, once and in order however often it is sent; 429 says that nothing was taken
 */
export const typeIntoTerminal = <ThrowOnError extends boolean = false>(options: Options<TypeIntoTerminalData, ThrowOnError>): RequestResult<TypeIntoTerminalResponses, TypeIntoTerminalErrors, ThrowOnError> => (options.client ?? client).post<TypeIntoTerminalResponses, TypeIntoTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}/input',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * Return a terminal's output from somewhere on, for clients that can't follow a stream
 */
export const getTerminalOutput = <ThrowOnError extends boolean = false>(options: Options<GetTerminalOutputData, ThrowOnError>): RequestResult<GetTerminalOutputResponses, GetTerminalOutputErrors, ThrowOnError> => (options.client ?? client).get<GetTerminalOutputResponses, GetTerminalOutputErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}/output',
    ...options
});

/**
 * Say what size a viewer has: the terminal gets that of the smallest, or of the one in control
 */
export const resizeTerminal = <ThrowOnError extends boolean = false>(options: Options<ResizeTerminalData, ThrowOnError>): RequestResult<ResizeTerminalResponses, ResizeTerminalErrors, ThrowOnError> => (options.client ?? client).post<ResizeTerminalResponses, ResizeTerminalErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminal/{terminalId}/resize',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * List the terminals, the oldest first: those that run, and those that ended lately
 */
export const listTerminals = <ThrowOnError extends boolean = false>(options?: Options<ListTerminalsData, ThrowOnError>): RequestResult<ListTerminalsResponses, ListTerminalsErrors, ThrowOnError> => (options?.client ?? client).get<ListTerminalsResponses, ListTerminalsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/terminals',
    ...options
});

/**
 * List the further tokens, without their secrets
 */
export const listTokens = <ThrowOnError extends boolean = false>(options?: Options<ListTokensData, ThrowOnError>): RequestResult<ListTokensResponses, ListTokensErrors, ThrowOnError> => (options?.client ?? client).get<ListTokensResponses, ListTokensErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/tokens',
    ...options
});

/**
 * Make a token; its secret is shown this once
 */
export const createToken = <ThrowOnError extends boolean = false>(options: Options<CreateTokenData, ThrowOnError>): RequestResult<CreateTokenResponses, CreateTokenErrors, ThrowOnError> => (options.client ?? client).post<CreateTokenResponses, CreateTokenErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/tokens',
    ...options,
    headers: {
        'Content-Type': 'application/json',
        ...options.headers
    }
});

/**
 * End a token, its logins and its streams. The owner's is replaced: the new one is in the data directory
 */
export const revokeToken = <ThrowOnError extends boolean = false>(options: Options<RevokeTokenData, ThrowOnError>): RequestResult<RevokeTokenResponses, RevokeTokenErrors, ThrowOnError> => (options.client ?? client).delete<RevokeTokenResponses, RevokeTokenErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/tokens/{tokenId}',
    ...options
});

/**
 * Tell whose credential this request carries
 */
export const getWhoAmI = <ThrowOnError extends boolean = false>(options?: Options<GetWhoAmIData, ThrowOnError>): RequestResult<GetWhoAmIResponses, GetWhoAmIErrors, ThrowOnError> => (options?.client ?? client).get<GetWhoAmIResponses, GetWhoAmIErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/api/whoami',
    ...options
});

/**
 * Send a client of the old server on to the list of sessions
 *
 * @deprecated
 */
export const listLegacySessions = <ThrowOnError extends boolean = false>(options?: Options<ListLegacySessionsData, ThrowOnError>): RequestResult<unknown, ListLegacySessionsErrors, ThrowOnError> => (options?.client ?? client).get<unknown, ListLegacySessionsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/claude/api/claude/sessions',
    ...options
});

/**
 * Send a client of the old server on to where sessions are made, with its method and body (308)
 *
 * @deprecated
 */
export const createLegacySession = <ThrowOnError extends boolean = false>(options?: Options<CreateLegacySessionData, ThrowOnError>): RequestResult<unknown, CreateLegacySessionErrors, ThrowOnError> => (options?.client ?? client).post<unknown, CreateLegacySessionErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/claude/api/claude/sessions',
    ...options
});

/**
 * Return a page that shows the document
 */
export const getDocs = <ThrowOnError extends boolean = false>(options?: Options<GetDocsData, ThrowOnError>): RequestResult<GetDocsResponses, GetDocsErrors, ThrowOnError> => (options?.client ?? client).get<GetDocsResponses, GetDocsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/docs',
    ...options
});

/**
 * Return the page's own script
 */
export const getDocsScript = <ThrowOnError extends boolean = false>(options?: Options<GetDocsScriptData, ThrowOnError>): RequestResult<GetDocsScriptResponses, GetDocsScriptErrors, ThrowOnError> => (options?.client ?? client).get<GetDocsScriptResponses, GetDocsScriptErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/docs/start.js',
    ...options
});

/**
 * Return the program that shows the document
 */
export const getDocsBundle = <ThrowOnError extends boolean = false>(options?: Options<GetDocsBundleData, ThrowOnError>): RequestResult<GetDocsBundleResponses, GetDocsBundleErrors, ThrowOnError> => (options?.client ?? client).get<GetDocsBundleResponses, GetDocsBundleErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/docs/swagger-ui-bundle.js',
    ...options
});

/**
 * Return the page's style sheet
 */
export const getDocsStyle = <ThrowOnError extends boolean = false>(options?: Options<GetDocsStyleData, ThrowOnError>): RequestResult<GetDocsStyleResponses, GetDocsStyleErrors, ThrowOnError> => (options?.client ?? client).get<GetDocsStyleResponses, GetDocsStyleErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/docs/swagger-ui.css',
    ...options
});

/**
 * Answer while the process lives
 */
export const getHealth = <ThrowOnError extends boolean = false>(options?: Options<GetHealthData, ThrowOnError>): RequestResult<GetHealthResponses, GetHealthErrors, ThrowOnError> => (options?.client ?? client).get<GetHealthResponses, GetHealthErrors, ThrowOnError>({ url: '/healthz', ...options });

/**
 * Return the metrics in Prometheus' text format
 */
export const getMetrics = <ThrowOnError extends boolean = false>(options?: Options<GetMetricsData, ThrowOnError>): RequestResult<GetMetricsResponses, GetMetricsErrors, ThrowOnError> => (options?.client ?? client).get<GetMetricsResponses, GetMetricsErrors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/metrics',
    ...options
});

/**
 * Answer once the log is open and what a crash left is put right: nothing is served before that
 */
export const getReadiness = <ThrowOnError extends boolean = false>(options?: Options<GetReadinessData, ThrowOnError>): RequestResult<GetReadinessResponses, GetReadinessErrors, ThrowOnError> => (options?.client ?? client).get<GetReadinessResponses, GetReadinessErrors, ThrowOnError>({ url: '/readyz', ...options });

/**
 * Return the OpenAPI 3.2 document, which describes streams block by block, for validators
 */
export const getOpenApi32 = <ThrowOnError extends boolean = false>(options?: Options<GetOpenApi32Data, ThrowOnError>): RequestResult<GetOpenApi32Responses, GetOpenApi32Errors, ThrowOnError> => (options?.client ?? client).get<GetOpenApi32Responses, GetOpenApi32Errors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/schema/openapi-3.2.json',
    ...options
});

/**
 * Return the OpenAPI 3.1 document, for generators of clients
 */
export const getOpenApi31 = <ThrowOnError extends boolean = false>(options?: Options<GetOpenApi31Data, ThrowOnError>): RequestResult<GetOpenApi31Responses, GetOpenApi31Errors, ThrowOnError> => (options?.client ?? client).get<GetOpenApi31Responses, GetOpenApi31Errors, ThrowOnError>({
    security: [{ scheme: 'bearer', type: 'http' }, {
            in: 'cookie',
            name: 'towpath-8780',
            type: 'apiKey'
        }],
    url: '/schema/openapi.json',
    ...options
});
