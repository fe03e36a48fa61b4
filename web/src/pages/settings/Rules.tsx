import { useQueryClient } from "@tanstack/react-query";
import { ask, messageOf } from "../../api/client";
import { removeRule, type Rule } from "../../api/gen";
import { useProjects, useRules, useSession } from "../../api/queries";
import { useMayWrite } from "../../app";
import { nameOf } from "../../manage/actions";
import { Time } from "../../parts/Time";
import { toast, toastError } from "../../parts/toast";
import { visible } from "../../parts/visible";

const EFFECTS = { allow: "allowed", ask: "asked", deny: "refused" };

/** What is allowed or refused without asking: remembered answers can be forgotten, configured rules only read. */
export function Rules() {
  const queries = useQueryClient();
  const { data: rules, error } = useRules();
  const mayWrite = useMayWrite();
  const forget = ({ ruleId }: Rule) =>
    ask(removeRule({ path: { ruleId } })).then((answer) => {
      toast(answer.message);
      void queries.invalidateQueries({ queryKey: ["rules"] });
    }, toastError);
  return (
    <section aria-labelledby="rules">
      <h2 id="rules">Remembered approvals</h2>
      {error && <p className="problem">{messageOf(error)}</p>}
      {rules?.length === 0 && (
        <p className="faint">None. Answers for a session or a project are kept here, and can be forgotten.</p>
      )}
      <ul className="things">
        {rules?.map((rule) => (
          <li key={rule.ruleId} className="rule">
            <span className="grow">
              <span className="effect">{EFFECTS[rule.effect]}</span>{" "}
              <code className="breakable">{visible(rule.command ?? rule.path ?? rule.kind ?? "everything")}</code>
              <span className="faint breakable">
                <Where rule={rule} />
              </span>
            </span>
            {rule.createdAt !== undefined && <Time at={rule.createdAt} />}
            {mayWrite && rule.source === "remembered" && (
              <button
                className="button"
                aria-label={`Forget ${rule.command ?? rule.kind ?? "it"}`}
                onClick={() => void forget(rule)}
              >
                Forget
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function Where({ rule }: { rule: Rule }) {
  const { data: session } = useSession(rule.forSession ?? "");
  const project = useProjects().data?.find((each) => each.projectId === rule.forProject);
  const parts = [
    rule.source === "configured" ? "by the configuration" : "",
    rule.forSession ? `in the session “${session ? nameOf(session) : rule.forSession}”` : "",
    rule.forProject ? `in the project “${project?.name ?? rule.forProject}”` : "",
    rule.mode ? `for ${rule.mode}` : "",
    rule.workingDir ? `in ${rule.workingDir}` : "",
  ];
  return <>{visible(parts.filter(Boolean).join(", "))}</>;
}
