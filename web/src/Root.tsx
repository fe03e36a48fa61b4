import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { useCallback, useEffect, useState } from "react";
import { useLocation } from "wouter";
import { access, ApiProblem, ask, messageOf } from "./api/client";
import { getWhoAmI, type WhoAmI } from "./api/gen";
import { keepTrue } from "./api/queries";
import { Shared } from "./api/shared";
import { type App, AppContext } from "./app";
import Login from "./pages/login";
import { Boundary } from "./parts/Boundary";
import { Toasts } from "./parts/Toasts";
import { fetchPage, Shell } from "./shell/Shell";
import { Stores } from "./state/store";

const RETRY_MS = 2000;

/** Who is there: nobody (the login page), or somebody, for whom everything else is made. */
export function Root() {
  const [path, navigate] = useLocation();
  const [made, setMade] = useState<Made>();
  const [problem, setProblem] = useState("");
  const look = useCallback(
    () =>
      Promise.all([ask(getWhoAmI()).then(make), fetchPage(location.pathname)]).then(
        ([made]) => setMade(made),
        (error: unknown) => {
          // Without the hash: on other pages it is a place, and no code.
          if (error instanceof ApiProblem && error.status === 401) navigate("/login", { replace: true });
          else setProblem(messageOf(error));
        },
      ),
    [navigate],
  );
  const away = path === "/login";
  useEffect(() => {
    if (!away && !made) void look();
  }, [away, made, look]);
  useEffect(() => {
    if (!problem) return;
    const timer = setTimeout(() => {
      setProblem("");
      void look();
    }, RETRY_MS);
    return () => clearTimeout(timer);
  }, [problem, look]);
  useEffect(() => {
    const leave = () => {
      setMade(undefined);
      navigate("/login");
    };
    access.addEventListener("denied", leave);
    return () => access.removeEventListener("denied", leave);
  }, [navigate]);
  return (
    <Boundary name="all">
      {away ? (
        <Login onDone={() => navigate("/sessions", { replace: true })} />
      ) : made ? (
        <LoggedIn key={made.app.me.tokenId} {...made} />
      ) : (
        <p className="empty" role="status">
          {problem}
        </p>
      )}
      <Toasts />
    </Boundary>
  );
}

interface Made {
  app: App;
  queries: QueryClient;
}

function LoggedIn({ app, queries }: Made) {
  useEffect(() => {
    const ends = [app.shared.start(), keepTrue(queries, app.shared)];
    return () => ends.forEach((end) => end());
  }, [app, queries]);
  return (
    <QueryClientProvider client={queries}>
      <AppContext value={app}>
        <Shell />
      </AppContext>
    </QueryClientProvider>
  );
}

function make(me: WhoAmI): Made {
  const shared = new Shared(me.sessionId ? { sessionId: me.sessionId } : {});
  const queries = new QueryClient({
    defaultOptions: {
      queries: {
        staleTime: Infinity, // the lifecycle stream says when something changed
        retry: (failures, error) => failures < 3 && !(error instanceof ApiProblem && error.status in FINAL),
      },
    },
  });
  const stores = new Stores(shared);
  const [session] = /(?<=^\/session\/)[^/]+/.exec(location.pathname) ?? [];
  if (session) stores.get(session).begin(); // while the page's code is on its way
  return { app: { me, shared, stores }, queries };
}

const FINAL = { 400: 1, 401: 1, 403: 1, 404: 1, 409: 1, 410: 1, 422: 1 };
